"""Shards: the files of the store. FORMAT.md describes them for readers in any language.

A shard accounts for every one of its members (content hashes): a row, or a reason why there is
none. Rows differ in length, so an HDF5 shard holds one flat dataset with an offset and a shape a
row; rows of named columns go to Parquet. Members are sorted and nothing in the bytes depends on
the time, so equal rows give equal files.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from soundstage.errors import SoundstageError
from soundstage.files import whole_or_not_at_all

FORMAT = 1
KEY_LENGTH = 32  # hex digits of a content hash


@dataclass(frozen=True)
class Row:
    """One clip's array and the scalars measured along with it."""

    key: str
    array: np.ndarray
    attributes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Rejection:
    """Why a member has no row: a reason code and a sentence."""

    key: str
    reason: str
    message: str


def checksum(array: np.ndarray) -> str:
    """Return the 16 hex digits of a row's BLAKE2b-64, over its bytes in C order."""
    return hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=8).hexdigest()


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
    """Write a shard: Parquet when its rows have named `columns`, else HDF5.

    Every row has `len(axes)` dimensions and the given dtype; ValueError otherwise.
    """
    rows = sorted(rows, key=lambda row: row.key)
    for row in rows:
        if row.array.ndim != len(axes) or row.array.dtype != dtype:
            raise ValueError(
                f"{row.key}: expected {dtype} with axes {tuple(axes)}, "
                f"got {row.array.dtype} of shape {row.array.shape}"
            )
    with whole_or_not_at_all(path) as temporary:
        if columns:
            _write_parquet(temporary, rows, rejections, dtype, columns)
        else:
            _write_hdf5(temporary, rows, rejections, dtype, len(axes))


def _write_hdf5(
    path: Path, rows: Sequence[Row], rejections: Sequence[Rejection], dtype: str, ndim: int
) -> None:
    sizes = np.array([row.array.size for row in rows], np.int64)
    with h5py.File(path, "w", libver=("v110", "v110"), track_order=False) as file:
        file.attrs["format"] = FORMAT
        data = file.create_dataset("data", (int(sizes.sum()),), dtype, track_times=False)
        offsets = np.cumsum(sizes) - sizes
        for row, offset in zip(rows, offsets, strict=True):
            data[offset : offset + row.array.size] = row.array.ravel()
        datasets = {
            "key": np.array([row.key for row in rows], f"S{KEY_LENGTH}"),
            "offset": offsets,
            "shape": np.array([row.array.shape for row in rows], np.int64).reshape(-1, ndim),
            "checksum": np.array([checksum(row.array) for row in rows], "S16"),
            "rejected": np.frombuffer(_rejections_json(rejections), np.uint8),
        }
        for name in sorted({name for row in rows for name in row.attributes}):
            datasets[f"attributes/{name}"] = np.array([row.attributes[name] for row in rows])
        for name, values in datasets.items():
            file.create_dataset(name, data=values, track_times=False)


def _write_parquet(
    path: Path,
    rows: Sequence[Row],
    rejections: Sequence[Rejection],
    dtype: str,
    columns: Sequence[str],
) -> None:
    table = np.array([row.array for row in rows], dtype).reshape(-1, len(columns))
    values = {
        "key": pa.array([row.key for row in rows], pa.string()),
        "checksum": pa.array([checksum(row.array) for row in rows], pa.string()),
    } | {name: pa.array(table[:, i]) for i, name in enumerate(columns)}
    metadata = {"format": str(FORMAT), "rejected": _rejections_json(rejections)}
    pq.write_table(
        pa.table(values).replace_schema_metadata(metadata), path, write_page_checksum=True
    )


class Shard:
    """An open shard, read-only.

    `keys` are the sorted content hashes of its rows, `shapes` their shapes, `checksums` theirs,
    `attributes` name -> (rows,) float64.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.suffix == ".parquet":
                self._open_parquet()
            else:
                self._open_hdf5()
        except (OSError, KeyError, pa.ArrowInvalid) as error:
            raise SoundstageError(f"{path}: not a readable shard ({error}); rebuild it") from error
        self._position = {key: i for i, key in enumerate(self.keys)}

    def _open_hdf5(self) -> None:
        with h5py.File(self.path, "r") as file:
            data = file["data"]
            self.keys = [key.decode() for key in file["key"][:]]
            self.checksums = [value.decode() for value in file["checksum"][:]]
            self.shapes = [tuple(int(n) for n in shape) for shape in file["shape"][:]]
            self.rejections = _read_rejections(file["rejected"][:].tobytes())
            self.attributes = {k: v[:] for k, v in file.get("attributes", {}).items()}
            self._offsets = file["offset"][:]
            place, dtype, size = data.id.get_offset(), data.dtype, data.size
        # The dataset is contiguous and uncompressed: map it, which is faster than h5py's reads.
        self._flat = (
            np.memmap(self.path, dtype, "r", place, (size,)) if size else np.empty(0, dtype)
        )

    def _open_parquet(self) -> None:
        table = pq.read_table(self.path, page_checksum_verification=True)
        self.keys = table["key"].to_pylist()
        self.checksums = table["checksum"].to_pylist()
        self.rejections = _read_rejections(table.schema.metadata[b"rejected"])
        self.attributes = {}
        values = table.drop_columns(["key", "checksum"])
        self._flat = np.stack([column.to_numpy() for column in values.columns], axis=1).ravel()
        self.shapes = [(values.num_columns,)] * len(self.keys)
        self._offsets = np.arange(len(self.keys)) * values.num_columns

    def __contains__(self, key: str) -> bool:
        """Tell whether a content hash has a row here."""
        return key in self._position

    def position(self, key: str) -> int:
        """Return the index of a key's row; KeyError if it has none."""
        return self._position[key]

    def array(self, key: str) -> np.ndarray:
        """Return a key's row as a read-only view of the mapped file."""
        i = self._position[key]
        shape, start = self.shapes[i], int(self._offsets[i])
        return self._flat[start : start + int(np.prod(shape))].reshape(shape)

    def row(self, key: str) -> Row:
        """Return a key's row with its attributes; SoundstageError if its bytes are damaged."""
        i, array = self._position[key], self.array(key)
        if checksum(array) != self.checksums[i]:
            raise SoundstageError(f"{self.path}: row {key} is damaged; remove the file and rebuild")
        return Row(key, array, {name: float(v[i]) for name, v in self.attributes.items()})


def _read_rejections(text: bytes) -> dict[str, Rejection]:
    return {key: Rejection(key, reason, message) for key, reason, message in json.loads(text)}
