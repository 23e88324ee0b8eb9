"""The regular files of a zip or tar, each checked before it is unpacked.

Zip may be stored, deflated, bzip2 or LZMA, tar plain, gzip, bzip2 or xz. An archive with a link, a
device, or a name that leads elsewhere is refused, which is stricter than `tarfile.data_filter` and
the same for both kinds. What a header says of sizes is not believed.
"""

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, BinaryIO

from soundstage.errors import SoundstageError

# How much an archive may hold, so that a small one cannot fill the disk: bytes that every archive
# may, times its own size (one-hot labels as text come to 50), and files (FMA: 106,574).
ALWAYS, TIMES, MOST_FILES = 10**9, 200, 2_000_000

CHUNK = 2**20  # bytes read at once, and more than any header of a tar takes
_COPIES = {0, 8, 12, 14}  # the methods of packing that `zipfile` reads
_SMALL = 4096  # what is read of LZMA at once, all of which `zipfile` unpacks: 30 MB at most
_STREAMS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
# What is raised over a damaged archive, and OSError without a number.
DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError,
    ValueError, OverflowError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A regular file of an archive: its size, and how many bytes of the archive it takes.

    `open` is called once, of a tar before the next member is asked for.
    """

    name: str
    size: int
    packed: int
    open: Callable[[], IO[bytes] | None]
    crc: int | None = None  # of zips alone
    chunk: int = CHUNK


def members(
    file: BinaryIO, archive: Path, size: int, opened: ExitStack
) -> tuple[Iterator[Member], bool]:
    """Return the regular files of an archive, and whether they can be read in any order.

    Parameters
    ----------
    file : seekable; archive, size : its name for errors, and its bytes.
    opened : closes what is opened here, after the last member has been read.

    Raises
    ------
    SoundstageError
        The archive is of an unknown kind, has no files, or one that is not to be unpacked; here,
        or when the iterator comes to that file.
    """
    most = max(ALWAYS, TIMES * size)
    magic = file.read(6)
    file.seek(0)
    if magic.startswith((b"PK\3\4", b"PK\5\6")):
        directory = opened.enter_context(zipfile.ZipFile(file))
        return _checked(archive, _of_zip(archive, directory), most), True
    stream = next((open_ for start, open_ in _STREAMS.items() if magic.startswith(start)), None)
    tar = _TarStream(opened.enter_context(stream(file)) if stream else file, archive, most)
    return _checked(archive, _of_tar(archive, tar, file), most), False


def _checked(archive: Path, members: Iterator[Member], most: int) -> Iterator[Member]:
    """Yield the members; SoundstageError at one that is not to be unpacked, or if there is none."""
    seen: set[PurePosixPath] = set()
    total = 0
    for member in members:
        path, total = PurePosixPath(member.name), total + member.size
        foreign = PureWindowsPath(member.name)  # of which a backslash leads up as well
        if path.is_absolute() or foreign.is_absolute() or ".." in {*path.parts, *foreign.parts}:
            raise _no(archive, member.name, "leads out of the archive's folder")
        if not path.parts or "\0" in member.name or member.size < 0:
            raise _no(archive, member.name, "is malformed")
        if path in seen:
            raise _no(archive, member.name, "is there twice")
        if total > most or len(seen) == MOST_FILES:
            raise _too_much(archive, most)
        seen.add(path)
        yield member
    if not seen:
        raise SoundstageError(f"{archive}: holds no files; get it again")


def _no(archive: Path, name: str, why: str) -> SoundstageError:
    return SoundstageError(
        f"{archive}: its member {name!r} {why}; if you trust it, unpack it yourself and set the "
        "data set's `root` to the folder"
    )


def _too_much(archive: Path, most: int) -> SoundstageError:
    return SoundstageError(
        f"{archive}: unpacks to more than {most / 1e9:.1f} GB or {MOST_FILES} files, too much for "
        "its size; if you trust it, unpack it yourself and set the data set's `root` to the folder"
    )


def _of_zip(archive: Path, directory: zipfile.ZipFile) -> Iterator[Member]:
    for info in directory.infolist():
        unix = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
        if unix not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _no(archive, info.filename, "is a link or a device")
        if info.filename.endswith("/") or info.filename.startswith("__MACOSX/"):
            continue  # a folder, or what a Mac adds
        if info.flag_bits & 1:
            raise _no(archive, info.filename, "is encrypted")
        if info.compress_type not in _COPIES:
            raise _no(archive, info.filename, f"is packed by method {info.compress_type}, unknown")
        yield Member(
            name=info.filename,
            size=info.file_size,
            packed=info.compress_size,
            open=partial(_open, directory, info),
            crc=info.CRC,
            chunk=_SMALL if info.compress_type == zipfile.ZIP_LZMA else CHUNK,
        )


def _open(directory: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.compress_type != zipfile.ZIP_BZIP2:
        return directory.open(info)
    # `zipfile` unpacks all that it reads at once, and 100 bytes of bzip2 may become 46 MB. So it
    # reads the packed bytes as if they were stored, and `bz2` unpacks them in steps.
    packed = copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    del packed.CRC  # of what is unpacked
    return bz2.BZ2File(directory.open(packed))


class _TarStream:
    """What `tarfile` reads from: bounded, because it allocates by what a header says.

    Keeps the last block, because `tarfile` takes a damaged header for the end of the archive.
    """

    def __init__(self, stream: IO[bytes], archive: Path, most: int) -> None:
        self._stream, self._archive, self._most = stream, archive, most
        self.last = b""
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= CHUNK:
            raise tarfile.ReadError(f"a header of {size} bytes")
        if self.tell() > self._most:
            raise _too_much(self._archive, self._most)
        self.last = self._stream.read(size)
        return self.last


def _of_tar(archive: Path, tar: _TarStream, file: BinaryIO) -> Iterator[Member]:
    taken = 0
    try:
        members = tarfile.TarFile(fileobj=tar)  # type: ignore[arg-type]
    except tarfile.ReadError:
        raise SoundstageError(
            f"{archive}: neither a zip nor a tar (.gz, .bz2, .xz), or damaged; get it again, or "
            "unpack it yourself and set the data set's `root` to the folder"
        ) from None
    for info in members:
        if not (info.isreg() or info.isdir()):
            raise _no(archive, info.name, "is a link or a device")
        if info.isreg():
            before, taken = taken, file.tell()
            yield Member(
                name=info.name,
                size=info.size,
                packed=taken - before,
                open=partial(members.extractfile, info),
            )
    if tar.last != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("no end")
    while tar.read(CHUNK):
        pass  # to its very end, where a compressed stream has its checksum
