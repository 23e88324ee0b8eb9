"""Parquet shards: rows of named columns."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from soundstage.store.content import Content
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
from soundstage.untrusted_parquet import opened, see_to_its_size, texts_of

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
    with opened(stored, OWN_COLUMNS[:2]) as file:
        said = file.metadata
        _see_to_its_size(said, len(stored))
        own = [name for name in OWN_COLUMNS if name in said.schema.names]
        kinds = {f.type for f in file.schema_arrow if f.name not in own}
        if len(kinds) != 1 or not kinds <= _KINDS.keys():
            raise ValueError("its columns are not numbers of one kind")
        if "source" not in own:
            table = file.read(use_threads=False)
    if "source" in own:
        with opened(stored, own) as file:
            table = file.read(use_threads=False)
    if any(column.null_count for column in table.columns):
        raise ValueError("a value is missing")
    rejections = read_rejections(table.schema.metadata[b"rejected"])
    values = table.drop_columns(own)
    dtype = _KINDS[kinds.pop()]
    # Not by way of polars, which ends the process on some damaged files.
    parts = [part.to_tensor(row_major=True).to_numpy() for part in values.to_batches()]
    flat = np.concatenate([np.empty((0, values.num_columns), dtype), *parts]).ravel()
    keys = texts_of(table["key"])
    return Content(
        keys=keys,
        checksums=texts_of(table["checksum"]),
        shapes=[(values.num_columns,)] * len(keys),
        starts=list(range(0, flat.size, values.num_columns)),
        dtype=dtype,
        n_axes=1,
        columns=values.column_names,
        rejections=rejections,
        sources=texts_of(table["source"]) if "source" in own else [],
        attributes={},
        open_values=lambda rows: HeldValues(rows, flat),
    )


def _see_to_its_size(said: pq.FileMetaData, size: int) -> None:
    """Raise ValueError if a file of so many bytes says that it holds far more."""
    see_to_its_size(said, size)
    for group in map(said.row_group, range(said.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if column.num_values != group.num_rows:
                raise ValueError("a column does not have its rows")
            if column.compression not in ("SNAPPY", "UNCOMPRESSED"):
                raise ValueError("a column is compressed otherwise")
