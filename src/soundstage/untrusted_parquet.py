"""Parquet that anyone may have written, read under limits.

A megabyte of Parquet can stand for a hundred million rows, or for gigabytes of one text. What is
stored for a table's rows must be near their size, which the file's own words tell before a column
is read; texts are read as what they are stored as, numbers of an entry in a dictionary. pyarrow
reads, and not polars, which ends the process on some damaged files.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from soundstage.errors import SoundstageError
from soundstage.regular import open_regular

# Bytes that the values of any file may take, and how many times the file's own bytes they may.
FREE, TIMES = 2**26, 64
# What pyarrow raises for a file with wrong bytes in it.
DAMAGE = (
    OSError,
    LookupError,
    TypeError,
    ValueError,
    RuntimeError,
    MemoryError,
    pa.ArrowException,
)


def opened(stored: bytes, texts: Sequence[str] = ()) -> pq.ParquetFile:
    """Open Parquet; `texts` are columns to be read as entries of a dictionary.

    To be read without threads: those of pyarrow, beside polars, end one process in twenty by
    `terminate` at its exit, and a shard is no faster by them.
    """
    # Not pq.read_table, which imports what reads whole folders, and pandas.
    source = pa.BufferReader(stored)
    return pq.ParquetFile(source, page_checksum_verification=True, read_dictionary=list(texts))


def see_to_its_size(said: pq.FileMetaData, size: int) -> None:
    """Raise ValueError if a file of `size` bytes says that it holds far more."""
    limit = max(FREE, TIMES * size)
    groups = [said.row_group(i) for i in range(said.num_row_groups)]
    if said.num_rows != sum(group.num_rows for group in groups):
        raise ValueError("its parts do not have its rows")
    if said.num_rows > size or 8 * said.num_rows * said.num_columns > limit:
        raise ValueError(f"{said.num_rows} rows of {said.num_columns} columns are in {size} bytes")
    for group in groups:
        for column in map(group.column, range(group.num_columns)):
            if column.file_path:
                raise ValueError("a column lies in another file")
            if max(8 * column.num_values, column.total_uncompressed_size) > limit:
                raise ValueError("a column is larger than what is there of it")


def texts_of(column: pa.ChunkedArray) -> list[Any]:
    """Return the texts of a column, None where there is none; of equal ones one object.

    Raises
    ------
    TypeError
        It was not read as entries of a dictionary.
    """
    found: list[Any] = []
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            raise TypeError("a column of text is none")
        texts = chunk.dictionary.to_pylist()
        found += [None if i is None else texts[i] for i in chunk.indices.to_pylist()]
    return found


def read(
    path: Path, remedy: str = "run `dvc repro`", columns: Sequence[str] | None = None
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return a table that this package wrote, and the words in its metadata.

    Columns are texts, numbers, truths, and lists and structs of these. All are read, or only those
    asked for.

    Raises
    ------
    SoundstageError
        There is no such file, or it holds no such table; it ends with the `remedy`.
    """
    try:
        with open_regular(path) as file:
            stored = file.read()
        with opened(stored) as table:
            said, schema = table.metadata, table.schema_arrow
        see_to_its_size(said, len(stored))
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        for field in schema:
            _see_to_its_kind(field.type)
        with opened(stored, texts_in(said)) as table:
            rows = table.read(schema.names, use_threads=False)
        see_to_its_texts(rows, len(stored))
        rows.validate(full=True)  # that texts are UTF-8, above all
        words = {name.decode(): word.decode() for name, word in (said.metadata or {}).items()}
        return pl.DataFrame(rows.cast(schema)), words
    except DAMAGE as error:
        raise _refused(path, error, remedy) from error


def read_described(
    path: Path, remedy: str = "run `dvc repro`"
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return a table that this package wrote, and what it says of itself: a JSON object.

    SoundstageError as `read` raises it, also where it says nothing.
    """
    rows, words = read(path, remedy)
    try:
        said = json.loads(words["soundstage"])
        if not isinstance(said, dict):
            raise TypeError("what it says of itself is no object")
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise _refused(path, error, remedy) from error
    return rows, said


def _refused(path: Path, error: Exception, remedy: str) -> SoundstageError:
    if isinstance(error, FileNotFoundError):
        return SoundstageError(f"{path}: no such file; {remedy}")
    said = " ".join(str(error).split())
    return SoundstageError(f"{path}: no readable table ({said}); {remedy}")


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _see_to_its_kind(kind: pa.DataType) -> None:
    types = pa.types
    if _is_list(kind):
        _see_to_its_kind(kind.value_type)
    elif types.is_struct(kind):
        for field in kind.fields:
            _see_to_its_kind(field.type)
    elif not (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_integer(kind)
        or types.is_float32(kind)
        or types.is_float64(kind)
        or types.is_boolean(kind)
        or types.is_null(kind)
    ):
        raise TypeError(f"a column is of {kind}")


def texts_in(said: pq.FileMetaData) -> list[str]:
    """Return the paths of the columns that may hold texts, as `opened` takes them."""
    columns = map(said.schema.column, range(said.num_columns))
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def see_to_its_texts(table: pa.Table, size: int) -> None:
    """Raise ValueError if the texts of a table out of a file of `size` bytes are far larger.

    They have been read as entries of a dictionary.
    """
    leaves = [leaf for column in table.columns for part in column.chunks for leaf in _leaves(part)]
    texts = [leaf for leaf in leaves if pa.types.is_dictionary(leaf.type)]
    lengths = [pc.take(pc.binary_length(leaf.dictionary), leaf.indices) for leaf in texts]
    if sum(pc.sum(each).as_py() or 0 for each in lengths) > max(FREE, TIMES * size):
        raise ValueError("its texts are larger than what is there of them")


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    """Yield the flat arrays that an array of lists and structs is made of."""
    if _is_list(array.type):
        yield from _leaves(array.flatten())
    elif pa.types.is_struct(array.type):
        for field in array.flatten():
            yield from _leaves(field)
    else:
        yield array
