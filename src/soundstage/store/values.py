"""The values of a shard, of which none is handed out before its row was checked.

A row's checksum is compared when the first of its values is asked for, once a process: what was
checked is remembered by the state of the file, so that whoever opens the shard again need not read
it again. A write through the file system changes that state, and the row is checked again.
"""

import os
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from soundstage import paged
from soundstage.errors import SoundstageError
from soundstage.regular import hexdigest
from soundstage.store.rows import digest, hasher, raw


@dataclass
class Checked:
    """What this process has checked of a file: which of its rows, and the SHA-256 of its bytes.

    `rows` has one entry more than there are rows, so that where there are none none is checked.
    """

    rows: bytearray = field(default_factory=bytearray)
    sha256: str = ""

    def is_whole(self, path: Path, sha256: str) -> bool:
        """Tell whether the file has a SHA-256; it is read once. Its rows then count as checked."""
        self.sha256 = self.sha256 or hexdigest(path, "sha256")
        if self.sha256 == sha256:
            self.rows[:-1] = b"\1" * len(self.rows[:-1])
        return self.sha256 == sha256


_checked: dict[tuple[int, ...], Checked] = {}


def checked(status: os.stat_result) -> Checked:
    """Return what was checked of a file since it was last written to."""
    return _checked.setdefault((status.st_dev, status.st_ctime_ns, *state(status)), Checked())


def state(status: os.stat_result) -> tuple[int, ...]:
    """Return what differs between a file and another that has taken its name."""
    return status.st_ino, status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class Rows:
    """The rows of a shard's file: row i is `keys[i]`, and lies from value `starts[i]` to before
    `ends[i]` of `dtype`, with `checksums[i]`.
    """

    path: Path
    dtype: np.dtype
    keys: list[str]
    starts: list[int]
    ends: list[int]
    checksums: list[str]
    checked: Checked


class Values(ABC):
    """All values of a shard, in the order of its rows."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @abstractmethod
    def read(self, room: memoryview, start: int) -> None:
        """Fill the bytes of an array with the values from `start` on, unchecked."""

    def fill(self, room: memoryview, start: int) -> None:
        """Fill the bytes of an array of the shard's dtype with the values from `start` on.

        SoundstageError if they cannot be read, or if a row that they are of is damaged.
        """
        self.read(room, start)
        rows, stop = self._rows, start + len(room) // self._rows.dtype.itemsize
        first = max(bisect_right(rows.starts, start) - 1, 0)
        for i in range(first, bisect_left(rows.starts, stop)):
            self.check(i, room if (start, stop) == (rows.starts[i], rows.ends[i]) else None)

    def intact(self, i: int) -> bool:
        """Read row i, and tell whether it has the bytes that it was written with."""
        rows, found = self._rows, hasher()
        n = rows.ends[i] - rows.starts[i]
        block = np.empty(min(n, paged.BLOCK), rows.dtype)
        for start in range(0, n, paged.BLOCK):
            read = raw(block[: n - start])
            self.read(read, rows.starts[i] + start)
            found.update(read)
        return found.hexdigest() == rows.checksums[i]

    def row(self, i: int) -> np.ndarray:
        """Return the values of row i (n,), which may lie in a file, see `paged`.

        SoundstageError if they cannot be read, or are damaged.
        """
        rows = self._rows
        row = paged.empty((rows.ends[i] - rows.starts[i],), rows.dtype)
        if row.nbytes < paged.LARGE:
            self.fill(raw(row), rows.starts[i])
            return row
        self.check(i)
        for some in paged.blocks(row):
            self.read(raw(row[some]), rows.starts[i] + some.start)
        return row

    def check(self, i: int, read: memoryview | None = None) -> None:
        """Check row i unless that was done; `read` are its bytes where they are at hand.

        SoundstageError if it is damaged.
        """
        rows = self._rows
        if rows.checked.rows[i]:
            return
        if not (self.intact(i) if read is None else digest(read) == rows.checksums[i]):
            raise SoundstageError(
                f"{rows.path}: row {rows.keys[i]} is damaged; run `soundstage repair`"
            )
        rows.checked.rows[i] = 1


class Sure(NamedTuple):
    """Values of rows that are all checked: `fill` is that of `Values`, and does not look again."""

    fill: Callable[[memoryview, int], None]


class HeldValues(Values):
    """Values in memory."""

    def __init__(self, rows: Rows, flat: np.ndarray) -> None:
        super().__init__(rows)
        self._flat = flat

    def read(self, room: memoryview, start: int) -> None:
        """Fill the bytes of an array with the values from `start` on, unchecked."""
        values = np.frombuffer(room, self._flat.dtype)
        values[:] = self._flat[start : start + values.size]


class FileValues(Values):
    """Values in an open file, which is closed when this is forgotten.

    Reads are calls, not page faults of a mapped file: a disk that fails or a file that was cut is
    an error to be caught, where a mapping kills the process, and other threads run meanwhile. Their
    bytes lie in the file as they are, from byte `place` on, and are read without HDF5 in a third of
    its time.
    """

    def __init__(self, rows: Rows, expected: tuple[int, ...], place: int) -> None:
        super().__init__(rows)
        path = self._path = rows.path
        self._place, self._itemsize = place, rows.dtype.itemsize
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise SoundstageError(f"{path}: {error.strerror}; run `soundstage repair`") from error
        if state(os.fstat(self._file)) != expected:
            raise SoundstageError(f"{path}: replaced while it was in use; run again")

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def read(self, room: memoryview, start: int) -> None:
        """Fill the bytes of an array with the values from `start` on, unchecked."""
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
