"""Files are written whole or not at all."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundstage.errors import SoundstageError

if TYPE_CHECKING:
    import polars as pl

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def room(path: Path) -> Iterator[None]:
    """Turn a full disk, anywhere in the block, into a SoundstageError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise refused(Path(error.filename or path), error) from error
        raise


def refused(path: Path, error: OSError, about: int | None = None) -> SoundstageError:
    """Return the error to raise when the disk refuses to write a file of `about` so many bytes."""
    size = "" if about is None else f" (about {about / 1e6:.1f} MB)"
    hint = "; make room and run again: finished shards are kept" if error.errno in _FULL else ""
    return SoundstageError(f"cannot write {path}{size}: {error.strerror or error}{hint}")


@contextmanager
def whole_or_not_at_all(path: Path, about: int | None = None) -> Iterator[Path]:
    """Yield a temporary name beside `path`, and rename it to `path` when the block succeeds.

    The file is synced before it is renamed. SoundstageError if the disk refuses it; the error
    says how large the file is, where the caller knows it to be `about` so many bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise refused(path, error, about) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file that is in memory.

    Tables and tensors are made in memory first: given a file, the libraries that make them say of
    a full disk whatever they like, or crash the process.
    """
    with whole_or_not_at_all(path, memoryview(content).nbytes) as temporary:
        temporary.write_bytes(content)


def write_parquet(
    path: Path, table: "pl.DataFrame", metadata: dict[str, str] | None = None
) -> None:
    """Write a table to a Parquet file, with words of its own in the file's metadata."""
    content = BytesIO()
    table.write_parquet(content, metadata=metadata)
    write_bytes(path, content.getbuffer())


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file for people and `dvc metrics`: indented, in the order given; no NaN."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())
