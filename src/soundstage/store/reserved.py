"""A file for which the disk has made room before anything is written to it.

HDF5 does not survive a disk that is full while it writes, and a large shard is not made in memory
first, as small ones are.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import SEEK_CUR, SEEK_END, RawIOBase
from pathlib import Path
from typing import Any


@contextmanager
def reserved(path: Path, size: int) -> Iterator["Reserved"]:
    """Yield a new, empty file with room for so many bytes; it is cut to what was written.

    Raises
    ------
    OSError
        There is no room.
    """
    with path.open("w+b") as file:
        os.posix_fallocate(file.fileno(), 0, size)
        written = Reserved(file.fileno())
        yield written
        file.truncate(written.size)


class Reserved(RawIOBase):
    """An open file of which only what was written is seen."""

    def __init__(self, file: int) -> None:
        self._file, self._at, self.size = file, 0, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place; return it."""
        self._at = offset + {SEEK_CUR: self._at, SEEK_END: self.size}.get(whence, 0)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def truncate(self, size: int | None = None) -> int:
        """Cut what is seen; return its size."""
        self.size = self._at if size is None else size
        return self.size

    def readinto(self, room: Any) -> int:
        """Read bytes; return how many."""
        room = memoryview(room).cast("B")[: max(0, self.size - self._at)]
        read = os.preadv(self._file, [room], self._at) if room else 0
        self._at += read
        return read

    def write(self, content: Any) -> int:
        """Write all bytes; return how many."""
        rest = memoryview(content).cast("B")
        size = len(rest)
        while rest:
            written = os.pwrite(self._file, rest, self._at)
            rest = rest[written:]
            self._at += written
        self.size = max(self.size, self._at)
        return size
