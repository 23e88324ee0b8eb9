"""Files are written whole or not at all, and a disk that refuses is told in a line."""

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundstage.errors import SoundstageError

if TYPE_CHECKING:
    import polars as pl

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What to do about what the system answers to whoever wants to write.
_REMEDIES = {
    **dict.fromkeys(_FULL, "make room and run again: finished shards are kept"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "give yourself permission, and run again"),
    errno.EROFS: "mount it to be written to, or move the project, and run again",
    **dict.fromkeys(
        (errno.ENOTDIR, errno.EEXIST), "move away the file that is where a folder must be"
    ),
    errno.EISDIR: "move away the folder that is where a file must be",
}
_NO_TEMPORARY = "No usable temporary directory"  # so begins what `tempfile` says


def refusal(error: OSError) -> str | None:
    """Return what an error of the system means and what to do, in a line; None if not known."""
    said = error.strerror or str(error)
    if said.startswith(_NO_TEMPORARY):
        return f"{said}; set TMPDIR to a folder with room that you may write to"
    number = error.errno
    if number is None and (rust := re.search(r"\(os error (\d+)\)", said)):  # polars: no errno
        number = int(rust[1])
    if number not in _REMEDIES:
        return None
    name = error.filename2 or error.filename
    path = "" if name is None or isinstance(name, int) else f" {os.fsdecode(name)}"
    return f"cannot read or write{path}: {said}; {_REMEDIES[number]}"


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
    remedy = _REMEDIES.get(error.errno or 0)
    hint = f"; {remedy}" if remedy else ""
    return SoundstageError(f"cannot write {path}{size}: {error.strerror or error}{hint}")


@contextmanager
def whole_or_not_at_all(path: Path, about: int | None = None) -> Iterator[Path]:
    """Yield a temporary name beside `path`, and rename it to `path` when the block succeeds.

    The file is synced before it is renamed. SoundstageError if the disk refuses it; the error
    says how large the file is, where the caller knows it to be `about` so many bytes.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise refused(path, error, about) from error
    finally:
        with suppress(OSError):  # there is none, or it cannot be removed
            temporary.unlink()


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
