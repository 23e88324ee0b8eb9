"""Shards: the files of the store. FORMAT.md describes them for readers in any language.

A shard accounts for every one of its members (content hashes): a row, or a reason why there is
none. Rows differ in length, so an HDF5 shard holds one flat dataset with an offset and a shape a
row; rows of named columns go to Parquet. Members are sorted and nothing in the bytes depends on
the time, so equal rows give equal files.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from soundstage.errors import SoundstageError
from soundstage.files import write_bytes

FORMAT = 1
KEY_LENGTH = 32  # hex digits of a content hash
OWN_COLUMNS = ("key", "checksum", "source")  # of a Parquet shard, before those of the feature


@dataclass(frozen=True)
class Row:
    """One clip's array and the scalars measured along with it.

    `source` says whose numbers they are where they came with a data set, and is "" for our own.
    """

    key: str
    array: np.ndarray
    attributes: Mapping[str, float] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Rejection:
    """Why a member has no row: a reason code and a sentence."""

    key: str
    reason: str
    message: str


def checksum(array: np.ndarray) -> str:
    """Return the 16 hex digits of a row's BLAKE2b-64, over its bytes in C order."""
    return hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=8).hexdigest()


def raw(array: np.ndarray) -> memoryview:
    """Return the bytes of a C-contiguous array, to be written to."""
    return array.reshape(-1).view(np.uint8).data


def suffix(axes: Sequence[str]) -> str:
    """Return the ending of a shard's name: rows of named columns go to Parquet, others to HDF5."""
    return ".parquet" if tuple(axes) == ("column",) else ".h5"


def _rejections_json(rejections: Sequence[Rejection]) -> bytes:
    listed = [[r.key, r.reason, r.message] for r in sorted(rejections, key=lambda r: r.key)]
    return json.dumps(listed, ensure_ascii=False).encode()


def write(
    path: Path,
    rows: Sequence[Row],
    rejections: Sequence[Rejection],
    *,
    dtype: str,
    axes: Sequence[str],
    columns: Sequence[str] = (),
) -> None:
    """Write a shard: Parquet when a row is one line of named `columns`, else HDF5.

    Every row has `len(axes)` dimensions and the given dtype, and no column is named as one of
    `OWN_COLUMNS`; ValueError otherwise.
    """
    taken = set(columns) & set(OWN_COLUMNS) if suffix(axes) == ".parquet" else set()
    if taken:
        raise ValueError(f"a shard has columns of its own named {sorted(taken)}; choose others")
    rows = sorted(rows, key=lambda row: row.key)
    for row in rows:
        if row.array.ndim != len(axes) or row.array.dtype != dtype:
            raise ValueError(
                f"{row.key}: expected {dtype} with axes {tuple(axes)}, "
                f"got {row.array.dtype} of shape {row.array.shape}"
            )
    if suffix(axes) == ".parquet":
        content = _parquet(rows, rejections, dtype, columns)
    else:
        content = _hdf5(rows, rejections, dtype, len(axes))
    write_bytes(path, content)


def _hdf5(
    rows: Sequence[Row], rejections: Sequence[Rejection], dtype: str, ndim: int
) -> memoryview:
    sizes = np.array([row.array.size for row in rows], np.int64)
    content = BytesIO()
    with h5py.File(content, "w", libver=("v110", "v110"), track_order=False) as file:
        file.attrs["format"] = FORMAT
        data = file.create_dataset("data", (int(sizes.sum()),), dtype, track_times=False)
        offsets = np.cumsum(sizes) - sizes
        # The last row first: the buffer grows once. In many steps it would grow on the heap until
        # it has 32 MB, which the heap then keeps.
        for row, offset in reversed(list(zip(rows, offsets, strict=True))):
            data[offset : offset + row.array.size] = row.array.ravel()
        datasets = {
            "key": np.array([row.key for row in rows], f"S{KEY_LENGTH}"),
            "offset": offsets,
            "shape": np.array([row.array.shape for row in rows], np.int64).reshape(-1, ndim),
            "checksum": np.array([checksum(row.array) for row in rows], "S16"),
            "rejected": np.frombuffer(_rejections_json(rejections), np.uint8),
        }
        if any(row.source for row in rows):
            datasets["source"] = np.array([row.source.encode() for row in rows])
        for name in sorted({name for row in rows for name in row.attributes}):
            datasets[f"attributes/{name}"] = np.array([row.attributes[name] for row in rows])
        for name, values in datasets.items():
            file.create_dataset(name, data=values, track_times=False)
    return content.getbuffer()


def _parquet(
    rows: Sequence[Row], rejections: Sequence[Rejection], dtype: str, columns: Sequence[str]
) -> memoryview:
    table = np.array([row.array for row in rows], dtype).reshape(-1, len(columns))
    values = {
        "key": pa.array([row.key for row in rows], pa.string()),
        "checksum": pa.array([checksum(row.array) for row in rows], pa.string()),
    }
    if any(row.source for row in rows):
        values["source"] = pa.array([row.source for row in rows], pa.string())
    values |= {name: pa.array(table[:, i]) for i, name in enumerate(columns)}
    metadata = {"format": str(FORMAT), "rejected": _rejections_json(rejections)}
    described = pa.table(values).replace_schema_metadata(metadata)
    content = BytesIO()
    pq.write_table(described, content, write_page_checksum=True)
    return content.getbuffer()


class Values(Protocol):
    """All values of a shard, in the order of its rows."""

    def fill(self, room: memoryview, start: int) -> None:
        """Fill the bytes of an array of the shard's dtype with the values from `start` on."""


class _HeldValues:
    """Values in memory."""

    def __init__(self, flat: np.ndarray) -> None:
        self._flat = flat

    def fill(self, room: memoryview, start: int) -> None:
        values = np.frombuffer(room, self._flat.dtype)
        values[:] = self._flat[start : start + values.size]


class _FileValues:
    """Values in an open file, which is closed when this is forgotten.

    Reads are calls, not page faults of a mapped file: a disk that fails or a file that was cut is
    an error to be caught, where a mapping kills the process, and other threads run meanwhile.
    """

    def __init__(self, path: Path, state: tuple[int, ...], place: int, itemsize: int) -> None:
        self._path, self._place, self._itemsize = path, place, itemsize
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise SoundstageError(f"{path}: {error.strerror}; run `soundstage repair`") from error
        if _state(os.fstat(self._file)) != state:
            raise SoundstageError(f"{path}: replaced while it was in use; run again")

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def fill(self, room: memoryview, start: int) -> None:
        place = self._place + start * self._itemsize
        try:
            read = os.preadv(self._file, (room,), place)
            if read != room.nbytes:
                self._read_on(room, place, read)
        except OSError as error:
            raise SoundstageError(
                f"{self._path}: {error.strerror}; run `soundstage repair`"
            ) from error

    def _read_on(self, rest: memoryview, place: int, read: int) -> None:
        """Read what one call did not: Linux stops at 2 GiB."""
        while read and read < len(rest):
            rest, place = rest[read:], place + read
            read = os.preadv(self._file, [rest], place)
        if read != len(rest):
            raise SoundstageError(f"{self._path}: shorter than it was; run `soundstage repair`")


def _state(status: os.stat_result) -> tuple[int, ...]:
    """Return what differs between a file and another that has taken its name."""
    return status.st_ino, status.st_size, status.st_mtime_ns


# What h5py and pyarrow raise for a file with wrong bytes in it.
_DAMAGE = (
    OSError,
    LookupError,
    TypeError,
    ValueError,
    RuntimeError,
    MemoryError,
    pa.ArrowException,
)


class Shard:
    """An open shard, read-only.

    `keys` are the sorted content hashes of its rows, `shapes` their shapes, `starts` where each
    begins among the shard's values, `checksums` theirs, `attributes` name -> (rows,) float64,
    `sources` key -> whose numbers a row holds, of those that came with a data set.
    Values are read when they are asked for; no file stays open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.suffix == ".parquet":
                self._open_parquet()
            else:
                self._open_hdf5()
        except _DAMAGE as error:
            raise SoundstageError(
                f"{path}: not a readable shard ({error}); run `soundstage repair`"
            ) from error
        self._position = {key: i for i, key in enumerate(self.keys)}

    def _open_hdf5(self) -> None:
        state = _state(self.path.stat())
        with h5py.File(self.path, "r") as file:
            data = file["data"]
            self.keys = [key.decode() for key in file["key"][:]]
            self.checksums = [value.decode() for value in file["checksum"][:]]
            self.shapes = [tuple(shape) for shape in file["shape"][:].tolist()]
            self.starts = file["offset"][:].tolist()
            self.rejections = _read_rejections(file["rejected"][:].tobytes())
            said = [text.decode() for text in file["source"][:]] if "source" in file else []
            self.attributes = {k: v[:] for k, v in file.get("attributes", {}).items()}
            self.dtype = data.dtype
            # The dataset is contiguous and uncompressed, so that its bytes can be read without
            # HDF5, in a third of the time.
            place = data.id.get_offset()
            if place is None and data.size:  # a dataset without values has none either
                raise ValueError("its data are in chunks, or compressed")
            self.sources = _sources(self.keys, said)
            sizes = [math.prod(shape) for shape in self.shapes]
            if self.starts != [0, *accumulate(sizes)][:-1] or sum(sizes) != data.size:
                raise ValueError("its rows do not fill its data")
        self._opened: Callable[[], Values] = partial(
            _FileValues, self.path, state, place or 0, self.dtype.itemsize
        )

    def _open_parquet(self) -> None:
        # Not pq.read_table, which imports what reads whole folders, and pandas.
        with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
            table = file.read()
        self.keys = table["key"].to_pylist()
        self.checksums = table["checksum"].to_pylist()
        self.rejections = _read_rejections(table.schema.metadata[b"rejected"])
        self.attributes = {}
        said = table["source"].to_pylist() if "source" in table.column_names else []
        self.sources = _sources(self.keys, said)
        own = [name for name in OWN_COLUMNS if name in table.column_names]
        # By way of polars, since pyarrow's to_numpy imports pandas where that is installed.
        values = pl.DataFrame(table.drop_columns(own))
        flat = np.ascontiguousarray(values.to_numpy()).ravel()
        self.shapes = [(values.width,)] * len(self.keys)
        self.starts = list(range(0, flat.size, values.width))
        self.dtype = flat.dtype
        self._opened = partial(_HeldValues, flat)

    def __contains__(self, key: str) -> bool:
        """Tell whether a content hash has a row here."""
        return key in self._position

    def position(self, key: str) -> int:
        """Return the index of a key's row; KeyError if it has none."""
        return self._position[key]

    def values(self) -> Values:
        """Open the values for reading; SoundstageError if the file is gone or was replaced."""
        return self._opened()

    def array(self, key: str) -> np.ndarray:
        """Return a key's row as a read-only array."""
        i = self._position[key]
        array = np.empty(self.shapes[i], self.dtype)
        self.values().fill(raw(array), self.starts[i])
        array.flags.writeable = False
        return array

    def intact(self, key: str) -> bool:
        """Tell whether a key's row has the bytes that it was written with."""
        return checksum(self.array(key)) == self.checksums[self._position[key]]

    def row(self, key: str) -> Row:
        """Return a key's row with its attributes; SoundstageError if its bytes are damaged."""
        i, array = self._position[key], self.array(key)
        if checksum(array) != self.checksums[i]:
            raise SoundstageError(f"{self.path}: row {key} is damaged; run `soundstage repair`")
        attributes = {name: float(v[i]) for name, v in self.attributes.items()}
        return Row(key, array, attributes, self.sources.get(key, ""))


def _sources(keys: Sequence[str], said: Sequence[str]) -> dict[str, str]:
    return {key: source for key, source in zip(keys, said, strict=bool(said)) if source}


def _read_rejections(text: bytes) -> dict[str, Rejection]:
    return {key: Rejection(key, reason, message) for key, reason, message in json.loads(text)}
