"""The rows of a table of text (CSV, TSV) or Parquet, and what is wrong with them, for `table`."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from soundstage.errors import SoundstageError
from soundstage.registry import nearest

_FLAGS = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_SHOWN = 5  # of the rows with the same mistake


class Rows:
    """The columns of a table as text, the lines of its rows, and the mistakes found in them.

    Of Parquet only the columns that are asked for are read: what else it holds, embeddings perhaps,
    need be no text.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.mistakes = file, list[str]()
        self.names: list[str] = []
        self.lines: Sequence[int] = ()
        self.unit = "row" if file.suffix.lower() == ".parquet" else "line"
        self._text: dict[str, list[str]] = {}
        self._parquet: pq.ParquetFile | None = None
        if self.unit == "row":
            self._open_parquet()
        else:
            self._read_text()
        again = [name for name, count in Counter(self.names).items() if count > 1]
        if again:
            self.mistakes.append(f"columns that occur twice: {', '.join(map(repr, again))}")
        if not self.lines:
            self.mistakes.append("has no rows")
        self.raise_mistakes()

    def _open_parquet(self) -> None:
        # Not by polars, which ends the process on some damaged files.
        try:
            self._parquet = pq.ParquetFile(self.file)
            self.names = [f.name for f in self._parquet.schema_arrow if _is_column(f.type)]
            self.lines = range(1, self._parquet.metadata.num_rows + 1)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> SoundstageError:
        return SoundstageError(f"{self.file}: no Parquet, or damaged: {error}")

    def column(self, name: str) -> list[Any]:
        """Return a column as text, or lists of text (in Parquet), None where there is no list."""
        if self._parquet is None:
            return self._text[name]
        try:
            column = self._parquet.read(columns=[name]).column(name)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise self._damaged(error) from None
        if len(column) != len(self.lines):
            raise self._damaged(ValueError(f"{len(column)} of {len(self.lines)} rows"))
        try:
            if _is_list(column.type):
                return column.cast(pa.list_(pa.string())).to_pylist()
            values = column.cast(pa.string()).to_pylist()
            return ["" if value is None else value for value in values]
        except (pa.ArrowException, ValueError) as error:
            raise SoundstageError(f"{self.file}: the column {name!r} is no text: {error}") from None

    def _read_text(self) -> None:
        data = self.file.read_bytes()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise SoundstageError(
                f"{self.file}: line {line}: is not UTF-8; save the table as UTF-8"
            ) from None
        header = text.lstrip("\r\n").partition("\n")[0]
        delimiter = next((sign for sign in "\t,;" if sign in header), ",")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows, lines, end = list[list[str]](), list[int](), 0
        try:
            for row in reader:
                if row:  # not an empty line
                    rows.append(row)
                    lines.append(end + 1)
                end = reader.line_num
        except csv.Error as error:
            raise SoundstageError(f"{self.file}: line {end + 1}: {error}") from None
        if not rows:
            return
        self.names, self.lines = [name.strip() for name in rows[0]], lines[1:]
        ragged = [len(row) != len(self.names) for row in rows[1:]]
        self.check(f"rows without {len(self.names)} fields", ragged, map(len, rows[1:]))
        if not any(ragged):
            self._text = {name: [row[i] for row in rows[1:]] for i, name in enumerate(self.names)}

    def choose(
        self, columns: Mapping[str, str | None], tag_columns: str | None, separator: str
    ) -> tuple[dict[str, list[Any]], list[list[str]] | None]:
        """Return role -> column, and the tags of the rows if they have columns of their own."""
        named, used = {}, set[str]()
        for role, asked in columns.items():
            name = asked or role
            if name in self.names:
                used.add(name)
                named[role] = self.column(name)
            elif asked or role == "path":
                self._lacks(name, role)
        for role in named.keys() - {"tags"}:
            lists = [not isinstance(value, str) for value in named[role]]
            self.check(f"lists in the column {role!r}", lists, named[role])
            named[role] = [v if isinstance(v, str) else "" for v in named[role]]
            if role != "path":
                named[role] = [value.strip() for value in named[role]]
        if not separator:
            self.mistakes.append("`separator` is empty; say which sign stands between tags")
        elif tag_columns:
            return named, self._flagged(named, used, tag_columns, separator)
        elif not named.keys() & {"genre", "tags"}:
            self.mistakes.append(
                "has no labels: name a column by `genre`, `tags` or `tag_columns`; "
                + nearest("genre", self.names)
            )
        return named, None

    def _flagged(
        self, named: dict[str, list[Any]], used: set[str], tag_columns: str, separator: str
    ) -> list[list[str]]:
        if "tags" in named:
            self.mistakes.append("has tags in one column and in several; name one or the others")
        names = [name.strip() for name in tag_columns.split(separator)]
        if tag_columns == "*":
            names = [name for name in self.names if name not in used]
        tags: list[list[str]] = [[] for _ in self.lines]
        for name in names:
            if name not in self.names:
                self._lacks(name, "tag_columns")
                continue
            values = list(map(str, self.column(name)))
            flags = {value: _FLAGS.get(value.strip().lower()) for value in set(values)}
            unknown = [flags[value] is None for value in values]
            self.check(f"tags in {name!r} that are neither 0 nor 1", unknown, values)
            for row, value in zip(tags, values, strict=True):
                if flags[value]:
                    row.append(name)
        return tags

    def tags(self, values: list[Any], separator: str) -> list[list[str]]:
        """Return the tags of each row of a column."""
        separator = separator or "|"
        parted = [
            value.split(separator) if isinstance(value, str) else [tag or "" for tag in value or []]
            for value in values
        ]
        tags = [[] if row == [""] else [tag.strip() for tag in row] for row in parted]
        self.check("empty tags", ["" in row for row in tags], values)
        return [list(dict.fromkeys(row)) for row in tags]

    def _lacks(self, name: str, role: str) -> None:
        self.mistakes.append(f"no column {name!r} (`{role}`); {nearest(name, self.names)}")

    def check(self, what: str, bad: Iterable[bool], values: Iterable[Any] | None) -> None:
        """Note a kind of mistake: how many rows are `bad`, and the first of them."""
        found = [
            (line, value)
            for line, value, wrong in zip(self.lines, values or (), bad, strict=False)
            if wrong
        ]
        if found:
            shown = ", ".join(f"{self.unit} {line}: {value!r}" for line, value in found[:_SHOWN])
            more = ", ..." if len(found) > _SHOWN else ""
            self.mistakes.append(f"{what} ({len(found)}): {shown}{more}")

    def raise_mistakes(self) -> None:
        """Raise a SoundstageError with all mistakes, if there are any."""
        if self.mistakes:
            raise SoundstageError("\n".join(f"{self.file}: {text}" for text in self.mistakes))


def _is_column(kind: pa.DataType) -> bool:
    return _is_list(kind) or not pa.types.is_nested(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)
