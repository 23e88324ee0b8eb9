"""HDF5 shards: rows that differ in shape, one after the other in a flat dataset.

HDF5 can have a dataset read from any other file of the system, made of nothing but a fill value, or
unpacked from a thousandth of its size. A shard has none of that: each of its datasets lies in the
file as it is, and what says otherwise is refused before a value is read.
"""

import math
import os
from collections.abc import Sequence
from io import BytesIO
from itertools import accumulate
from pathlib import Path

import h5py
import numpy as np

from soundstage import paged
from soundstage.store.content import Content
from soundstage.store.reserved import Reserved
from soundstage.store.rows import (
    CHECKSUM_LENGTH,
    DTYPES,
    FORMAT,
    KEY_LENGTH,
    Rejection,
    Row,
    checksum,
    read_rejections,
    rejections_json,
)
from soundstage.store.values import FileValues, state

_KEY, _CHECKSUM = np.dtype(f"S{KEY_LENGTH}"), np.dtype(f"S{CHECKSUM_LENGTH}")
_INT, _FLOAT, _BYTE = np.dtype(np.int64), np.dtype(np.float64), np.dtype(np.uint8)
_MOST_AXES = 32


def write(
    content: BytesIO | Reserved,
    rows: Sequence[Row],
    rejections: Sequence[Rejection],
    dtype: str,
    ndim: int,
) -> None:
    """Write a shard of sorted rows to an empty file."""
    sizes = np.array([row.array.size for row in rows], np.int64)
    with h5py.File(content, "w", libver=("v110", "v110"), track_order=False) as file:
        file.attrs["format"] = FORMAT
        data = file.create_dataset("data", (int(sizes.sum()),), dtype, track_times=False)
        offsets = np.cumsum(sizes) - sizes
        # The last row first: the buffer grows once. In many steps it would grow on the heap until
        # it has 32 MB, which the heap then keeps.
        for row, offset in reversed(list(zip(rows, offsets, strict=True))):
            flat = row.array.reshape(-1)
            for some in paged.blocks(flat):
                start = offset + some.start
                data[start : start + len(flat[some])] = flat[some]
        datasets = {
            "key": np.array([row.key for row in rows], _KEY),
            "offset": offsets,
            "shape": np.array([row.array.shape for row in rows], np.int64).reshape(-1, ndim),
            "checksum": np.array([checksum(row.array) for row in rows], _CHECKSUM),
            "rejected": np.frombuffer(rejections_json(rejections), np.uint8),
        }
        if any(row.source for row in rows):
            datasets["source"] = np.array([row.source.encode() for row in rows])
        for name in sorted({name for row in rows for name in row.attributes}):
            datasets[f"attributes/{name}"] = np.array([row.attributes[name] for row in rows])
        for name, values in datasets.items():
            file.create_dataset(name, data=values, track_times=False)


def read(path: Path, status: os.stat_result) -> Content:
    """Read all but the values of a shard.

    Parameters
    ----------
    status: the state of the file, which it must still have when the values are opened.

    Raises
    ------
    OSError, LookupError, TypeError, ValueError, RuntimeError, MemoryError
        The file is no shard.
    """
    with h5py.File(path, "r") as opened:
        file = _Datasets(opened.id, status.st_size)
        keys, checksums = (
            _texts(file.values(b"key", _KEY)),
            _texts(file.values(b"checksum", _CHECKSUM)),
        )
        shape, starts = file.values(b"shape", _INT, ndim=2), file.values(b"offset", _INT).tolist()
        rejections = read_rejections(file.values(b"rejected", _BYTE).tobytes())
        sources = _texts(file.values(b"source")) if file.has(b"source") else []
        attributes = _attributes(file, len(keys)) if file.has(b"attributes") else {}
        place, total, dtype = file.place(b"data")
    if dtype.name not in DTYPES or not dtype.isnative:
        raise ValueError(f"its data are {dtype}")
    if len(shape) != len(keys) or shape.shape[1] > _MOST_AXES:
        raise ValueError("its rows have no shapes")
    # An empty row may say what it likes of its other dimensions: no greater than a file's bytes.
    if shape.size and not 0 <= shape.min() <= shape.max() <= status.st_size:
        raise ValueError("its rows have impossible shapes")
    shapes = [tuple(row) for row in shape.tolist()]
    sizes = [math.prod(row) for row in shapes]
    if starts != [0, *accumulate(sizes)][:-1] or sum(sizes) != total:
        raise ValueError("its rows do not fill its data")
    return Content(
        keys=keys,
        checksums=checksums,
        shapes=shapes,
        starts=starts,
        dtype=dtype,
        n_axes=shape.shape[1],
        columns=[],
        rejections=rejections,
        sources=sources,
        attributes=attributes,
        open_values=lambda rows: FileValues(rows, state(status), place),
    )


class _Datasets:
    """Reads the datasets of a group; all lie in a file of so many bytes, and fit in it together."""

    def __init__(self, group: h5py.h5g.GroupID, size: int) -> None:
        self._group, self._size = group, size
        self._left = size  # two datasets may be one, a thousand times

    def has(self, name: bytes) -> bool:
        """Tell whether there is something of a name; ValueError if it is a link to elsewhere."""
        if not self._group.links.exists(name):
            return False
        if self._group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
            raise ValueError(f"its {name.decode()} is a link to elsewhere")
        return True

    def group(self, name: bytes) -> "_Datasets":
        """Return the datasets of a group inside."""
        return _Datasets(h5py.h5g.open(self._group, name), self._size)

    def names(self) -> list[bytes]:
        """Return what the group holds."""
        return list(self._group)

    def values(self, name: bytes, dtype: np.dtype | None = None, *, ndim: int = 1) -> np.ndarray:
        """Return the values of a dataset, of texts where no dtype is asked for."""
        found, shape, own = self._open(name)
        if len(shape) != ndim or (own != dtype if dtype else own.kind != "S"):
            raise ValueError(f"its {name.decode()} is of another kind")
        values = np.empty(shape, own)
        found.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
        return values

    def place(self, name: bytes) -> tuple[int, int, np.dtype]:
        """Return where in the file a flat dataset begins, its number of values and their dtype."""
        found, (total,), dtype = self._open(name)
        return found.get_offset() or 0, total, dtype

    def _open(self, name: bytes) -> tuple[h5py.h5d.DatasetID, tuple[int, ...], np.dtype]:
        """Open a dataset that lies in the file as it is.

        Neither a link nor a dataset that leads to another file is followed to see that.
        """
        if not self.has(name):
            raise ValueError(f"it has no {name.decode()}")
        found = h5py.h5d.open(self._group, name)
        plan = found.get_create_plist()
        if plan.get_layout() != h5py.h5d.CONTIGUOUS or plan.get_nfilters():
            raise ValueError(f"its {name.decode()} is in chunks, or compressed, or of other files")
        if plan.get_external_count():
            raise ValueError(f"its {name.decode()} lies in another file")
        shape, dtype = found.shape, found.dtype
        size, start = math.prod(shape) * dtype.itemsize, found.get_offset() or 0
        # Of a dataset that was never written HDF5 would make up the values.
        if found.get_storage_size() != size or start + size > self._size or size > self._left:
            raise ValueError(f"its {name.decode()} is larger than what is there of it")
        self._left -= size
        return found, shape, dtype


def _attributes(file: _Datasets, rows: int) -> dict[str, np.ndarray]:
    inside = file.group(b"attributes")
    found = {name.decode(): inside.values(name, _FLOAT) for name in inside.names()}
    if not all(len(values) == rows for values in found.values()):
        raise ValueError("a row lacks an attribute")
    return found


def _texts(values: np.ndarray) -> list[str]:
    return [value.decode() for value in values.tolist()]
