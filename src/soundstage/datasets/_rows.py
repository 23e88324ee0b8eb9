"""The rows of a table of text (CSV, TSV) or Parquet, and what is wrong with them, for `table`."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from soundstage.datasets import _separated
from soundstage.errors import SoundstageError
from soundstage.labels import MISSING, clean
from soundstage.registry import nearest
from soundstage.untrusted_parquet import DAMAGE, see_to_its_size, see_to_its_texts, texts_in

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
        self._text: list[list[str]] = []
        self._separated = ""  # how, for what is said of columns
        self._parquet: pq.ParquetFile | None = None
        if self.unit == "row":
            self._open_parquet()
        else:
            self._read_text()
        self._numbers = {name: i for i, name in enumerate(self.names)}
        self._alike = defaultdict[str, list[str]](list)
        for name in self.names:
            self._alike[name.casefold()].append(name)
        again = [name for name, count in Counter(self.names).items() if count > 1]
        if again:
            self.mistakes.append(f"columns that occur twice: {', '.join(map(repr, again))}")
        if not self.lines:
            self.mistakes.append("has no rows")
        self.raise_mistakes()

    def _open_parquet(self) -> None:
        # Not by polars, which ends the process on some damaged files.
        try:
            said = pq.read_metadata(self.file)
            self._size = self.file.stat().st_size
            see_to_its_size(said, self._size)
            # Not `opened`, which reads all of the file.
            self._parquet = pq.ParquetFile(self.file, read_dictionary=texts_in(said))
            self.names = [f.name for f in self._parquet.schema_arrow if _is_column(f.type)]
            self.lines = range(1, self._parquet.metadata.num_rows + 1)
        except DAMAGE as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> SoundstageError:
        return SoundstageError(f"{self.file}: no Parquet, or damaged: {error}")

    def column(self, name: str) -> list[Any]:
        """Return a column as text, or lists of text (in Parquet), None where there is no list."""
        if self._parquet is None:
            return [row[self._numbers[name]] for row in self._text]
        try:
            table = self._parquet.read(columns=[name], use_threads=False)
            see_to_its_texts(table, self._size)
            column = table.column(name)
        except DAMAGE as error:
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
        separator, rows, lines = _separated.read(self.file)
        if rows:
            self.names = [name.strip() for name in rows[0]]
            self.lines, self._text = lines[1:], rows[1:]
            self._separated = f" (separated by {separator!r})"

    def find(self, name: str) -> str | None:
        """Return the column of a name, or the one that differs from it in case only."""
        if name in self._numbers:
            return name
        alike = self._alike.get(name.casefold(), [])
        return alike[0] if len(alike) == 1 else None

    def choose(
        self, columns: Mapping[str, str | None], tag_columns: str | None, separator: str
    ) -> tuple[dict[str, list[Any]], list[list[str]] | None]:
        """Return role -> column, and the tags of the rows if they have columns of their own.

        Of what is not known (`labels.MISSING`) the text is "".
        """
        found = {role: self.find(asked or role) for role, asked in columns.items()}
        rest = self._even(found.get("tags"))
        named: dict[str, list[Any]] = {"tags": rest} if rest else {}
        for role, name in found.items():
            if name and role not in named:
                named[role] = self.column(name)
            elif not name and (columns[role] or role == "path"):
                self._lacks(columns[role] or role, role)
        for role in named.keys() - {"tags"}:
            lists = [not isinstance(value, str) for value in named[role]]
            self.check(f"lists in the column {role!r}", lists, named[role])
            named[role] = [v if isinstance(v, str) else "" for v in named[role]]
            if role == "track":
                named[role] = [value.strip() for value in named[role]]
            elif role != "path":
                named[role] = [known(value) for value in named[role]]
        if not separator:
            self.mistakes.append("`separator` is empty; say which sign stands between tags")
        elif tag_columns:
            used = set(filter(None, found.values()))
            return named, self._flagged(named, used, tag_columns, separator)
        elif not named.keys() & {"genre", "tags"}:
            self.mistakes.append(
                "has no labels: name a column by `genre`, `tags` or `tag_columns`"
                f"{self._separated}; {nearest('genre', self.names)}"
            )
        return named, None

    def _even(self, tags: str | None) -> list[list[str]] | None:
        """Return each row's tags if each is a field of its own, from the last column on.

        So it is in a text where the last column is that of the tags, and some row is longer than
        the header. Else each row must have as many fields as the header; the rest is told.
        """
        n = len(self.names)
        if tags is not None and tags == self.names[-1] and any(len(r) > n for r in self._text):
            short = [len(row) < n - 1 for row in self._text]
            self.check(f"rows without {n - 1} fields or more", short, map(len, self._text))
            rest = [_without_empty_end(row[n - 1 :]) for row in self._text]
            self._text = [row[:n] + [""] * (n - len(row)) for row in self._text]
            self.raise_mistakes()
            return rest
        ragged = [len(row) != n for row in self._text]
        if any(ragged):
            self.check(f"rows without {n} fields{self._separated}", ragged, map(len, self._text))
            self.raise_mistakes()
        return None

    def _flagged(
        self, named: dict[str, list[Any]], used: set[str], tag_columns: str, separator: str
    ) -> list[list[str]]:
        if "tags" in named:
            self.mistakes.append("has tags in one column and in several; name one or the others")
        names = [name.strip() for name in tag_columns.split(separator)]
        if tag_columns == "*":
            names = [name for name in self.names if name not in used]
        tags: list[list[str]] = [[] for _ in self.lines]
        for asked in names:
            name = self.find(asked)
            if name is None:
                self._lacks(asked, "tag_columns")
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
        tags = [[known(tag) for tag in row] for row in parted]
        tags = [[] if row == [""] else row for row in tags]
        self.check("empty tags", ["" in row for row in tags], values)
        return [list(dict.fromkeys(row)) for row in tags]

    def _lacks(self, name: str, role: str) -> None:
        self.mistakes.append(
            f"no column {name!r} (`{role}`){self._separated}; {nearest(name, self.names)}"
        )

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


def _without_empty_end(fields: list[str]) -> list[str]:
    """Return a row's fields without the empty ones with which spreadsheets fill it up."""
    n = max((i for i, field in enumerate(fields, 1) if field), default=0)
    return fields[:n]


def known(text: str) -> str:
    """Return a text as `labels.clean` has it, "" where it stands for nothing known."""
    text = clean(text)
    return "" if text in MISSING else text


def _is_column(kind: pa.DataType) -> bool:
    return _is_list(kind) or not pa.types.is_nested(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)
