"""Text of separated values: the sign that separates them, and the rows with their lines."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from soundstage.errors import SoundstageError

SEPARATORS = "\t,;|"
_TRIED = 50  # rows by which a separator is chosen
_SAID = re.compile(
    r"""[\r\n]*"?sep=(.)"?[ \t]*(?:\r\n|\r|\n|$)""", re.IGNORECASE
)  # as Excel has it


class Separated(NamedTuple):
    """A text's separator, and its rows, the header's too, with the lines that they begin in."""

    separator: str
    rows: list[list[str]]
    lines: list[int]


def read(file: Path) -> Separated:
    """Read a text by RFC 4180, whatever sign separates it.

    Raises
    ------
    SoundstageError
        It is not UTF-8, or a quoted field has no end; with the line.
    """
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SoundstageError(
            f"{file}: line {line}: is not UTF-8; save the table as UTF-8"
        ) from None
    said = _SAID.match(text)
    skipped = len(text[: said.end()].splitlines()) if said else 0
    text = text[said.end() :] if said else text
    separator = said[1] if said else _separator(text)
    found = Separated(separator, [], [])
    try:
        for row, line in _rows(text, separator, first=skipped + 1):
            found.rows.append(row)
            found.lines.append(line)
    except csv.Error as error:
        raise SoundstageError(f"{file}: {error} (separated by {separator!r})") from None
    return found


def _rows(text: str, separator: str, first: int = 1) -> Iterator[tuple[list[str], int]]:
    """Yield the rows that are not empty, and the lines that they begin in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = first
    try:
        for row in reader:
            if row:
                yield row, line
            line = first + reader.line_num
    except csv.Error as error:
        raise csv.Error(f"line {line}: {error}") from None


def _separator(text: str) -> str:
    """Return the separator by which most of the first rows have as many fields as the header.

    Of those by which equally many have, the one that gives more fields.
    """

    def fit(separator: str) -> tuple[int, int]:
        lengths = []
        try:
            for row, _ in islice(_rows(text, separator), _TRIED):
                lengths.append(len(row))
        except csv.Error:  # told when all is read
            pass
        if not lengths or lengths[0] == 1:
            return 0, 0
        return lengths.count(lengths[0]), lengths[0]

    best = max(SEPARATORS, key=fit)  # the first of equal ones
    return best if any(fit(best)) else ","
