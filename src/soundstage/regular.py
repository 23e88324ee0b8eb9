"""Opening regular files only: whoever opens a FIFO or a device may wait for ever."""

import errno
import os
import stat
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading.

    Raises
    ------
    OSError
        It cannot be opened, or is no regular file, nor a link to one.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(file, "rb")


def hexdigest(path: Path, algorithm: str) -> str:
    """Return the digest of a file's bytes, in hex digits; OSError as `open_regular` raises it."""
    with open_regular(path) as file:
        return file_digest(file, algorithm).hexdigest()
