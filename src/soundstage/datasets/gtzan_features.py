"""The public tables of 58 statistics of GTZAN's clips, without any audio.

`features_30_sec.csv` has a row a song, `features_3_sec.csv` a row a tenth of it. They come with the
copy of GTZAN on Kaggle, made by librosa; a row's 58 columns are the feature `librosa_stats`.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import polars as pl

from soundstage.datasets import _gtzan
from soundstage.datasets._gtzan import CITATION, HONEST, LICENCE
from soundstage.errors import SoundstageError

__all__ = ["AUDIO", "CITATION", "HONEST", "LICENCE", "METADATA", "SOURCE"]

AUDIO = False
SOURCE = "GTZAN's public tables"
TABLES = {"30s": "features_30_sec.csv", "3s": "features_3_sec.csv"}
METADATA = (*TABLES.values(), *_gtzan.LISTS)
_KEY_LENGTH = 32  # of a content hash in the store, here that of a row's text


@dataclass(frozen=True)
class _Row:
    """A row of a table: its line, its file's name, its song and genre, and the values by column."""

    line: int
    name: str
    song: str
    key: str
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
    """Return a track a row of the table; the tenths of a song are a group."""
    rows = _rows(metadata[TABLES[table]])
    return _gtzan.table(
        ((PurePosixPath(r.name).stem, f"{TABLES[table]}#{r.name}", r.song, r.key) for r in rows),
        metadata,
    )


def supplied(
    _files: pl.DataFrame, metadata: Mapping[str, Path], *, table: Literal["30s", "3s"] = "30s"
) -> dict[str, pl.DataFrame]:
    """Return the rows of the feature `librosa_stats`."""
    rows = [(r.key, r.name, r.key) for r in _rows(metadata[TABLES[table]])]
    return {"librosa_stats": pl.DataFrame(rows, ["key", "name", "digest"], orient="row")}


def supplier(
    _feature: str,
    columns: Sequence[str],
    _root: Path,
    metadata: Mapping[str, Path],
    *,
    table: Literal["30s", "3s"] = "30s",
) -> Callable[[str], np.ndarray]:
    """Return a function from a row's name to its float64 (columns,)."""
    file = metadata[TABLES[table]]
    rows = _by_name(file, file.stat().st_mtime_ns)

    def read(name: str) -> np.ndarray:
        row = rows[name]
        try:
            values = np.array([float(row.values[column]) for column in columns])
        except KeyError as missing:
            raise SoundstageError(f"{file}: lacks the column {missing}") from None
        except ValueError as error:
            raise SoundstageError(f"{file}:{row.line}: {error}; get it again") from error
        if not (finite := np.isfinite(values)).all():
            column = columns[finite.argmin()]
            raise SoundstageError(f"{file}:{row.line}: no finite number as {column}; get it again")
        return values

    return read


@lru_cache(maxsize=1)
def _by_name(file: Path, _modified: int) -> dict[str, _Row]:
    """Return the rows of a table, which a worker reads once for all its shards."""
    return {row.name: row for row in _rows(file)}


def _rows(file: Path) -> Iterator[_Row]:
    try:
        yield from _checked_rows(file)
    except UnicodeDecodeError as error:
        raise SoundstageError(f"{file}: is not UTF-8, get it again: {error}") from error
    except csv.Error as error:
        raise SoundstageError(f"{file}: cannot be read, get it again: {error}") from error


def _checked_rows(file: Path) -> Iterator[_Row]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        for row in reader:
            line = reader.line_num
            if None in row or None in row.values():  # the rest, or what is missing
                raise SoundstageError(
                    f"{file}:{line}: has not as many fields as the first line; get it again"
                )
            name = row.get("filename") or ""
            song = _gtzan.song(name)
            if song is None or row.get("label") != song.partition(".")[0]:
                raise SoundstageError(
                    f"{file}:{line}: {name!r} with the label {row.get('label')!r} is no row of "
                    "GTZAN, whose files are named like blues.00000.wav"
                )
            key = hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()[:_KEY_LENGTH]
            yield _Row(line, name, song, key, row)
