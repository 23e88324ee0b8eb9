"""Parquet shards: rows of named columns.

A megabyte of Parquet can stand for a hundred million rows, or for gigabytes of one text. What is
stored for a shard's rows must be near their size, which the file's own words tell before a column
is read; texts are read as what they are stored as, numbers of an entry in a dictionary.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from soundstage.errors import SoundstageError
from soundstage.store.content import Content
from soundstage.store.regular import open_regular
from soundstage.store.rows import (
    DTYPES,
    FORMAT,
    OWN_COLUMNS,
    Rejection,
    Row,
    checksum,
    read_rejections,
    rejections_json,
)
from soundstage.store.values import HeldValues

# Bytes that the values of any file may take, and how many times the file's own bytes they may.
_FREE, _TIMES = 2**26, 64
_KINDS = {pa.from_numpy_dtype(name): np.dtype(name) for name in DTYPES - {"bool"}}


def write(
    rows: Sequence[Row], rejections: Sequence[Rejection], dtype: str, columns: Sequence[str]
) -> memoryview:
    """Return the bytes of a shard of sorted rows."""
    table = np.array([row.array for row in rows], dtype).reshape(-1, len(columns))
    values = {
        "key": pa.array([row.key for row in rows], pa.string()),
        "checksum": pa.array([checksum(row.array) for row in rows], pa.string()),
    }
    if any(row.source for row in rows):
        values["source"] = pa.array([row.source for row in rows], pa.string())
    values |= {name: pa.array(table[:, i]) for i, name in enumerate(columns)}
    metadata = {"format": str(FORMAT), "rejected": rejections_json(rejections)}
    described = pa.table(values).replace_schema_metadata(metadata)
    content = BytesIO()
    pq.write_table(described, content, write_page_checksum=True)
    return content.getbuffer()


def read(stored: bytes) -> Content:
    """Read a shard from the bytes of its file.

    Raises
    ------
    OSError, LookupError, TypeError, ValueError, RuntimeError, MemoryError, pa.ArrowException
        The file is no shard.
    """
    with _opened(stored, OWN_COLUMNS[:2]) as file:
        said = file.metadata
        _see_to_its_size(said, len(stored))
        own = [name for name in OWN_COLUMNS if name in said.schema.names]
        kinds = {f.type for f in file.schema_arrow if f.name not in own}
        if len(kinds) != 1 or not kinds <= _KINDS.keys():
            raise ValueError("its columns are not numbers of one kind")
        if "source" not in own:
            table = file.read(use_threads=False)
    if "source" in own:
        with _opened(stored, own) as file:
            table = file.read(use_threads=False)
    if any(column.null_count for column in table.columns):
        raise ValueError("a value is missing")
    rejections = read_rejections(table.schema.metadata[b"rejected"])
    values = table.drop_columns(own)
    dtype = _KINDS[kinds.pop()]
    # Not by way of polars, which ends the process on some damaged files.
    parts = [part.to_tensor(row_major=True).to_numpy() for part in values.to_batches()]
    flat = np.concatenate([np.empty((0, values.num_columns), dtype), *parts]).ravel()
    keys = _texts(table["key"])
    return Content(
        keys=keys,
        checksums=_texts(table["checksum"]),
        shapes=[(values.num_columns,)] * len(keys),
        starts=list(range(0, flat.size, values.num_columns)),
        dtype=dtype,
        n_axes=1,
        columns=values.column_names,
        rejections=rejections,
        sources=_texts(table["source"]) if "source" in own else [],
        attributes={},
        open_values=lambda rows: HeldValues(rows, flat),
    )


def _opened(stored: bytes, texts: Sequence[str]) -> pq.ParquetFile:
    """Open Parquet; `texts` are columns to be read as entries of a dictionary.

    To be read without threads: those of pyarrow, beside polars, end one process in twenty by
    `terminate` at its exit, and a shard is no faster by them.
    """
    # Not pq.read_table, which imports what reads whole folders, and pandas.
    source = pa.BufferReader(stored)
    return pq.ParquetFile(source, page_checksum_verification=True, read_dictionary=list(texts))


def read_texts(path: Path, columns: Sequence[str]) -> list[list[str | None]]:
    """Return some columns of text of any Parquet file; SoundstageError if that is none."""
    try:
        with open_regular(path) as opened:
            stored = opened.read()
        with _opened(stored, columns) as file:
            if file.metadata.num_rows > len(stored):
                raise ValueError(f"{file.metadata.num_rows} rows are in {len(stored)} bytes")
            table = file.read(columns=list(columns), use_threads=False)
        return [_texts(table[name]) for name in columns]
    except (OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
        said = " ".join(str(error).split())
        raise SoundstageError(f"{path}: no readable table ({said}); run `dvc repro`") from error


def _see_to_its_size(said: pq.FileMetaData, size: int) -> None:
    """Raise ValueError if a file of so many bytes says that it holds far more."""
    groups = [said.row_group(i) for i in range(said.num_row_groups)]
    if said.num_rows != sum(group.num_rows for group in groups):
        raise ValueError("its parts do not have its rows")
    if said.num_rows > size or 8 * said.num_rows * said.num_columns > max(_FREE, _TIMES * size):
        raise ValueError(f"{said.num_rows} rows of {said.num_columns} columns are in {size} bytes")
    for group in groups:
        for column in map(group.column, range(group.num_columns)):
            if column.num_values != group.num_rows:
                raise ValueError("a column does not have its rows")
            if column.compression not in ("SNAPPY", "UNCOMPRESSED") or column.file_path:
                raise ValueError("a column is compressed otherwise, or lies elsewhere")
            if column.total_uncompressed_size > max(_FREE, _TIMES * size):
                raise ValueError("a column is larger than what is there of it")


def _texts(column: pa.ChunkedArray) -> list[Any]:
    """Return the texts of a column, None where there is none; of equal ones one object."""
    found: list[Any] = []
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            raise TypeError("a column of text is none")
        texts = chunk.dictionary.to_pylist()
        found += [None if i is None else texts[i] for i in chunk.indices.to_pylist()]
    return found
