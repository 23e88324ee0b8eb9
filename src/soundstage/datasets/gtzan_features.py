"""The public tables of 58 statistics of GTZAN's clips, without any audio.

They come with the copy of GTZAN on Kaggle, made by librosa. `features_30_sec.csv` has a row a song,
which is the feature `librosa_stats`. `features_3_sec.csv` has a row a tenth of it, named like
`blues.00000.3.wav`; the rows of a song are the slices of its `librosa_stats_slices`. In both a
track is a song. From audio the columns come back with `convention: librosa-0.7`, as
`gtzan_stats` and `gtzan_stats_slices` have it in params.yaml.
"""

import csv
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from soundstage.datasets import _gtzan
from soundstage.datasets._gtzan import CITATION, HONEST, LICENCE, SPLITS
from soundstage.errors import SoundstageError

__all__ = ["AUDIO", "CITATION", "HONEST", "LICENCE", "METADATA", "SOURCE", "SPLITS"]

AUDIO = False
SOURCE = "GTZAN's public tables"
TABLES = {"30s": "features_30_sec.csv", "3s": "features_3_sec.csv"}
METADATA = (*TABLES.values(), *_gtzan.LISTS)
_FEATURES = {"30s": "librosa_stats", "3s": "librosa_stats_slices"}
_NUMBER = {"30s": re.compile(r"\.\d{5}()\.[a-z]+$"), "3s": re.compile(r"\.\d{5}\.(\d+)\.[a-z]+$")}
_LIKE = {"30s": "blues.00000.wav", "3s": "blues.00000.3.wav"}
_KEY_LENGTH = 32  # of a content hash in the store, here that of a song's rows


@dataclass(frozen=True)
class _Row:
    """A row of a table: its line, its song, which tenth of it, and the values by column."""

    line: int
    song: str
    slice: int
    values: Mapping[str, str]


def fetch(
    root: Path, own: Path, metadata: Mapping[str, Path], *, table: Literal["30s", "3s"] = "30s"
) -> None:
    """Check that the table is there.

    table : `30s`, a row a song, or `3s`, a row a tenth of a song
    """
    if TABLES[table] not in metadata:
        raise SoundstageError(
            f"{root / TABLES[table]}: no such file, and it cannot be had without an account. Say "
            "`root:` at this data set in params.yaml: the folder that holds it; it comes with "
            "the copy of GTZAN on Kaggle"
        )
    _gtzan.fetch_lists(own, metadata)


def tracks(
    _files: Sequence[str], metadata: Mapping[str, Path], *, table: Literal["30s", "3s"] = "30s"
) -> pl.DataFrame:
    """Return a track a song, and say where the tenths of songs are not as published."""
    songs = _songs(metadata[TABLES[table]], table)
    if table == "3s":
        _say_order(metadata[TABLES[table]], songs)
    return _gtzan.table(
        ((name, f"{TABLES[table]}#{name}", name, _key(rows)) for name, rows in songs.items()),
        metadata,
    )


def supplied(
    _files: pl.DataFrame, metadata: Mapping[str, Path], *, table: Literal["30s", "3s"] = "30s"
) -> dict[str, pl.DataFrame]:
    """Return the songs of the feature that the table holds."""
    songs = _songs(metadata[TABLES[table]], table)
    found = [(key, name, key) for name, rows in songs.items() for key in [_key(rows)]]
    return {_FEATURES[table]: pl.DataFrame(found, ["key", "name", "digest"], orient="row")}


def supplier(
    _feature: str,
    columns: Sequence[str],
    _root: Path,
    metadata: Mapping[str, Path],
    *,
    table: Literal["30s", "3s"] = "30s",
) -> Callable[[str], np.ndarray]:
    """Return a function from a song to its float64 (columns,), of tenths (slices, columns)."""
    file = metadata[TABLES[table]]
    songs = _remembered(file, table, file.stat().st_mtime_ns)

    def values(row: _Row) -> np.ndarray:
        try:
            found = np.array([float(row.values[column]) for column in columns])
        except KeyError as missing:
            raise SoundstageError(f"{file}: lacks the column {missing}") from None
        except ValueError as error:
            raise SoundstageError(f"{file}:{row.line}: {error}; get it again") from error
        if not (finite := np.isfinite(found)).all():
            column = columns[finite.argmin()]
            raise SoundstageError(f"{file}:{row.line}: no finite number as {column}; get it again")
        return found

    def read(song: str) -> np.ndarray:
        rows = np.stack([values(row) for row in songs[song]])
        return rows if table == "3s" else rows[0]

    return read


@lru_cache(maxsize=1)
def _remembered(file: Path, table: str, _modified: int) -> dict[str, list[_Row]]:
    """Return the rows of each song, which a worker reads once for all its shards."""
    return _songs(file, table)


def _songs(file: Path, table: str) -> dict[str, list[_Row]]:
    """Return the rows of each song, in the order of its tenths.

    Raises
    ------
    SoundstageError
        The table is damaged, has a row twice, or is the other one.
    """
    songs: dict[str, list[_Row]] = {}
    seen: dict[tuple[str, int], int] = {}
    for row in _rows(file, table):
        if (before := seen.setdefault((row.song, row.slice), row.line)) != row.line:
            raise SoundstageError(
                f"{file}:{row.line}: is line {before} again, by its name; get it again"
            )
        songs.setdefault(row.song, []).append(row)
    return {name: sorted(rows, key=lambda row: row.slice) for name, rows in songs.items()}


def _key(rows: Sequence[_Row]) -> str:
    text = repr([sorted(row.values.items()) for row in rows])
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


def _say_order(file: Path, songs: Mapping[str, Sequence[_Row]]) -> None:
    """Warn where rows are not in the order of songs and tenths, or one before a song's last lacks.

    Segments are numbered as they come, and `sklearn_rows` deals them in the order of their songs.
    """
    there = sorted((row.line, name, row.slice) for name, rows in songs.items() for row in rows)
    expected = [(name, i) for name in sorted(songs) for i in range(len(songs[name]))]
    for (line, name, number), wanted in zip(there, expected, strict=True):
        if (name, number) != wanted:
            print(
                f"warning: {file}:{line}: is {name}.{number} where {wanted[0]}.{wanted[1]} is "
                "expected: segments are numbered in the order of their songs and tenths, so some "
                "have another number than in the table, or `sklearn_rows` deals them otherwise "
                "than the notebook behind paper 004"
            )
            return


def _rows(file: Path, table: str) -> Iterator[_Row]:
    try:
        yield from _checked_rows(file, table)
    except UnicodeDecodeError as error:
        raise SoundstageError(f"{file}: is not UTF-8, get it again: {error}") from error
    except csv.Error as error:
        raise SoundstageError(f"{file}: cannot be read, get it again: {error}") from error


def _checked_rows(file: Path, table: str) -> Iterator[_Row]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        for row in reader:
            line = reader.line_num
            if None in row or None in row.values():  # the rest, or what is missing
                raise SoundstageError(
                    f"{file}:{line}: has not as many fields as the first line; get it again"
                )
            name = row.get("filename") or ""
            song, number = _gtzan.song(name), _NUMBER[table].search(name)
            if song is None or number is None or row.get("label") != song.partition(".")[0]:
                raise SoundstageError(
                    f"{file}:{line}: {name!r} with the label {row.get('label')!r} is no row of "
                    f"GTZAN's {TABLES[table]}, whose files are named like {_LIKE[table]}"
                )
            yield _Row(line, song, int(number[1] or 0), row)
