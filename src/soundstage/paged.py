"""Arrays that may be larger than memory: from 64 MB on they lie in a file without a name.

Such an array is a mapped file. What is touched of it counts as this process's memory until
`release`, after which it is read back from the file where it is needed again. So whoever works
through an array block by block, and releases it after each, holds a block at a time; small arrays
are ordinary ones, to which nothing of this happens.
"""

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from soundstage.errors import SoundstageError

LARGE = 2**26  # bytes
BLOCK = 2**20  # numbers that are worked on at a time


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Return an array to be filled.

    Raises
    ------
    SoundstageError
        It is large, and the disk refuses to hold it.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    with _room(), tempfile.TemporaryFile() as file:
        # Now: a page for which there is no room later kills the process.
        os.posix_fallocate(file.fileno(), 0, size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), dtype).reshape(shape)


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Return an array of zeros; see `empty`."""
    small = prod(shape) * np.dtype(dtype).itemsize < LARGE
    return np.zeros(shape, dtype) if small else empty(shape, dtype)  # a new file is of zeros


class Spool:
    """Bytes that come one after the other, in memory until they are many."""

    def __init__(self) -> None:
        self.size = 0
        self._held = bytearray()
        self._file: BinaryIO | None = None

    def __del__(self) -> None:
        if self._file:
            self._file.close()

    def add(self, content: bytes) -> None:
        """Add bytes; SoundstageError if the disk refuses them."""
        self.size += len(content)
        if not self._file and self.size < LARGE:
            self._held += content
            return
        with _room():
            if not self._file:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115
                self._file.write(self._held)
                self._held.clear()
            self._file.write(content)

    def array(self, count: int, dtype: npt.DTypeLike) -> np.ndarray:
        """Return the first `count` numbers (count,); nothing can be added afterwards."""
        if not self._file:
            return np.frombuffer(self._held, dtype, count)
        with _room():
            self._file.flush()
        with self._file as file:
            return np.frombuffer(mmap.mmap(file.fileno(), 0), dtype, count)


@contextmanager
def _room() -> Iterator[None]:
    """Turn what the disk refuses into a SoundstageError."""
    try:
        yield
    except OSError as error:
        raise SoundstageError(
            f"cannot write to {tempfile.gettempdir()}: {error.strerror}; make room there, or set "
            "TMPDIR to another folder"
        ) from error


def release(*arrays: np.ndarray) -> None:
    """Let go of the memory that arrays made here take; they keep their values."""
    for array in arrays:
        base: Any = array
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, memoryview):
            base = base.obj
        if isinstance(base, mmap.mmap):
            base.madvise(mmap.MADV_DONTNEED)


def blocks(array: np.ndarray) -> Iterator[slice]:
    """Yield slices of the first axis that hold about `BLOCK` numbers each; release after each."""
    step = max(1, BLOCK * len(array) // max(1, array.size))
    for start in range(0, len(array), step):
        yield slice(start, start + step)
        release(array)
