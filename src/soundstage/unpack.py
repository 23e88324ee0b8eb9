"""Unpack an archive: nothing outside its folder, nothing without end, whole or not at all.

Zip and tar, see `soundstage.members`; also as parts `x.zip.001`, `x.zip.002` ... that only make a
zip when joined. The archive is only read.

Members are unpacked beside the folder, each there whole or not at all, and after a kill those that
are there are kept; the folder gets its name when all are. Of the archive's permissions none are
taken over.
"""

import errno
import glob
import hashlib
import io
import os
import re
import shutil
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from soundstage import stage
from soundstage.errors import SoundstageError
from soundstage.files import refused
from soundstage.members import CHUNK, DAMAGED, Member, members
from soundstage.progress import progress

_MARK = ".unpacked"  # in a folder that is whole; holds the fingerprint of what it is unpacked from
_TAIL = 2**20  # bytes at the end of an archive, where a zip's directory and gzip's checksum are


def is_unpacked(folder: Path) -> bool:
    """Say whether `unpack` has made a folder; the archive may be gone by now."""
    return (folder / _MARK).is_file()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder, unless that was done before.

    Where all of the archive lies in one folder, that folder's content is what `folder` holds:
    `genres.tar.gz` with `genres/blues/...` unpacked into `music` gives `music/blues/...`.

    Parameters
    ----------
    archive : of parts the first, `x.zip.001`; all others lie beside it.
    folder : a new or empty one. Beside it is worked in `.<name>.<...>.part`.

    Raises
    ------
    SoundstageError
        The archive is missing, damaged, of an unknown kind, or refused (the error names the
        member); the folder holds something else; or the disk has no room.
    """
    try:
        parts = _parts(archive)
        fingerprint = _fingerprint(parts)
        if _unpacked_from(folder) == fingerprint:
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if _unpacked_from(folder) == fingerprint:
                return  # another process has been faster
            if folder.exists() and any(folder.iterdir()):
                raise SoundstageError(
                    f"{folder}: holds something else than what {archive} was unpacked to; move it "
                    "away, and run again"
                )
            work = folder.with_name(f".{folder.name}.{fingerprint[:8]}.part")
            for old in folder.parent.glob(f".{glob.escape(folder.name)}.{8 * '?'}.part"):
                if old != work:  # begun with another archive
                    shutil.rmtree(old)
            shutil.rmtree(work / "writing", ignore_errors=True)
            (work / "writing").mkdir(parents=True)
            (work / "files").mkdir(exist_ok=True)
            _unpack(archive, parts, work)
            _finish(work, folder, fingerprint)
    except OSError as error:
        if error.errno is None:  # said by a decompressor, not by the system
            raise _damaged(archive, error) from error
        raise refused(Path(error.filename or folder), error) from error
    except DAMAGED as error:
        raise _damaged(archive, error) from error


def _damaged(archive: Path, error: Exception) -> SoundstageError:
    return SoundstageError(f"{archive}: damaged, or not all of it is there ({error}); get it again")


def _parts(archive: Path) -> list[Path]:
    """Return the files that an archive consists of."""
    if not archive.is_file():
        raise SoundstageError(f"{archive}: no such archive; set the data set's `root` to yours")
    numbered = re.fullmatch(r"(.+\.)(\d{3})", archive.name)
    if not numbered:
        return [archive]
    name = re.escape(numbered[1])
    beside = sorted(p for p in archive.parent.iterdir() if re.fullmatch(name + r"\d{3}", p.name))
    wanted = [archive.with_name(f"{numbered[1]}{i + 1:03d}") for i in range(len(beside))]
    if missing := [path.name for path in wanted if path not in beside]:
        raise SoundstageError(f"{archive}: {missing[0]} is not beside it; all parts are needed")
    if archive != wanted[0]:
        raise SoundstageError(f"{archive}: is not the first part; name {wanted[0].name}")
    return wanted


def _fingerprint(parts: Sequence[Path]) -> str:
    """Return a digest of an archive's sizes and ends, which takes no time even for 100 GB."""
    digest = hashlib.sha256()
    for path in parts:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(size - _TAIL, 0))
            digest.update(b"%d\n" % size + file.read(_TAIL))
    return digest.hexdigest()


def _unpacked_from(folder: Path) -> str:
    return (folder / _MARK).read_text("utf-8") if is_unpacked(folder) else ""


def _finish(work: Path, folder: Path, fingerprint: str) -> None:
    """Give what is unpacked its name, once it is safe on the disk."""
    whole = work / "files"
    inside = list(whole.iterdir())
    if len(inside) == 1 and inside[0].is_dir():
        whole = inside[0]
    (whole / _MARK).write_text(fingerprint, "utf-8")
    os.sync()  # once for all: to sync each of a hundred thousand files takes hours
    whole.replace(folder)
    shutil.rmtree(work)


class _Joined(io.RawIOBase):
    """Parts of a file, read as the whole."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._files = [path.open("rb") for path in parts]
        self._ends = list(accumulate(path.stat().st_size for path in parts))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = offset + (0, self._at, self._ends[-1])[whence]
        if at < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as of a file
        self._at = at
        return at

    def readinto(self, buffer: Any) -> int:
        for file, start, end in zip(self._files, [0, *self._ends], self._ends, strict=False):
            if self._at < end:
                file.seek(self._at - start)
                n = file.readinto(memoryview(buffer)[: end - self._at])
                self._at += n
                return n
        return 0

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()


def _unpack(archive: Path, parts: Sequence[Path], work: Path) -> None:
    size = sum(path.stat().st_size for path in parts)
    put = partial(_put, work)
    with ExitStack() as opened:
        file: BinaryIO = io.BufferedReader(opened.enter_context(_Joined(parts)), 2**16)
        found, in_any_order = members(file, archive, size, opened)
        if in_any_order:
            listed = list(found)
            _find_room(archive, listed, work)
            # Decompressors release the interpreter's lock, and `ZipFile` lets threads share it.
            pool = opened.enter_context(ThreadPoolExecutor(stage.jobs()))
            opened.callback(pool.shutdown, cancel_futures=True)  # when something fails
            done = pool.map(put, listed)
        else:
            done = map(put, found)
        bar = opened.enter_context(progress(f"unpack {archive.name}", size // 10**6, "MB"))
        packed = 0
        for n in done:
            packed += n
            bar.update(packed // 10**6 - bar.n)


def _put(work: Path, member: Member) -> int:
    """Unpack a member, unless it is there; return how many bytes of the archive it takes."""
    path = work / "files" / member.name
    if not _is_there(path, member):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = work / "writing" / str(threading.get_ident())
        source = member.open()
        assert source is not None, "only regular files get here"
        size = crc = 0
        with source, temporary.open("wb") as file:
            while size <= member.size and (chunk := source.read(member.chunk)):
                file.write(chunk)
                size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        if size != member.size or member.crc not in (None, crc):
            raise EOFError(f"{member.name!r} is not what the archive says of it")
        temporary.replace(path)
    return member.packed


def _is_there(path: Path, member: Member) -> bool:
    if not path.is_file() or path.stat().st_size != member.size:
        return False
    if member.crc is None:
        return True
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc == member.crc


def _find_room(archive: Path, members: Sequence[Member], work: Path) -> None:
    needed = sum(member.size for member in members)
    needed -= sum(path.stat().st_size for path in (work / "files").rglob("*") if path.is_file())
    free = shutil.disk_usage(work).free
    if needed > free:
        raise SoundstageError(
            f"{archive}: needs {needed / 1e9:.1f} GB more in {work.parent}, where "
            f"{free / 1e9:.1f} GB are free; make room and run again: what is unpacked is kept"
        )
