"""A folder for what is needed during one decode only."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundstage.errors import SoundstageError


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a new folder, which is deleted with all that is in it.

    Raises
    ------
    SoundstageError
        The disk is full, which is no fault of the file that is decoded.
    """
    with tempfile.TemporaryDirectory() as name:
        try:
            yield Path(name)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise SoundstageError(
                f"cannot write to {Path(name).parent}: {error.strerror}; make room there, or set "
                "TMPDIR to another folder"
            ) from error
