"""The chunks of WAV, AIFF, Wave64 and CAF, and the header of AU: where a file's samples lie.

Files are untrusted: a size is believed only as far as the file reaches.
"""

import struct
from typing import BinaryIO, NamedTuple

from soundstage.containers import container, is_tag

CONTAINERS = "wav", "aiff", "w64", "caf", "au"

_MOST = 1000  # chunks that are walked; a file made of empty ones would keep us long
_CODING = 2**16  # bytes of the chunk that says how samples are coded
_UNKNOWN = 2**32 - 1  # a size that another chunk says, or nobody
_STREAM = 0x7FFF0000  # bytes: so many, or none, claims a writer that could not know


class Size(NamedTuple):
    """Where a header says how many bytes of samples there are, and how many `more` it counts."""

    at: int
    layout: str
    more: int


class Family(NamedTuple):
    """How a container writes its chunks."""

    header: int  # bytes before the first chunk
    chunk: str  # layout of a chunk's name and size
    coding: bytes  # name of the chunk that says how samples are coded
    data: bytes  # name of the chunk that holds them
    before: int = 0  # bytes in that chunk before the samples
    own: int = 0  # bytes of name and size that the size counts
    align: int = 2  # bytes: chunks begin at multiples of it
    total: tuple[int, str, int] = (0, "", 0)  # the size of all: where, layout, bytes not counted


class Piece(NamedTuple):
    """Samples of a file: what says how they are coded, and where they lie."""

    coding: bytes
    start: int
    end: int


class Walk(NamedTuple):
    """What lies between a header and the last chunk that belongs to it.

    `sizes` are those in the header of the first piece, `frames_at` is where AIFF counts its frames
    (0: nowhere before the samples); both count from where the header begins.
    """

    pieces: list[Piece]
    sizes: list[Size]
    end: int
    truncated: bool
    frames_at: int = 0


_WAV = Family(12, "<4sI", b"fmt ", b"data", total=(4, "<I", 8))
_GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_FAMILIES = {
    b"RIFF": _WAV,
    b"RF64": _WAV,
    b"BW64": _WAV,
    b"RIFX": _WAV._replace(chunk=">4sI", total=(4, ">I", 8)),
    b"FORM": Family(12, ">4sI", b"COMM", b"SSND", before=8, total=(4, ">I", 8)),
    b"riff": Family(
        40, "<16sQ", b"fmt " + _GUID, b"data" + _GUID, own=24, align=8, total=(16, "<Q", 0)
    ),
    b"caff": Family(8, ">4sq", b"desc", b"data", before=4, align=1),
}


def walk(file: BinaryIO, start: int, size: int) -> Walk:
    """Walk what begins at a place of a file of `size` bytes with one of `CONTAINERS`.

    No pieces: none was found, or too many chunks.
    """
    file.seek(start)
    head = file.read(40)
    if head[:4] in (b".snd", b"dns."):
        return _au(head, start, size)
    family = _FAMILIES[head[:4]]
    at, layout, uncounted = family.total
    n = struct.unpack_from(layout, head, at)[0] if layout else 0
    return _chunks(file, start, size, family, start + uncounted + n * (n != _UNKNOWN))


def _au(head: bytes, start: int, size: int) -> Walk:
    order = ">" if head[:1] == b"." else "<"
    offset, n = struct.unpack_from(f"{order}2I", head, 4)
    begin = start + offset
    end = begin + n if 0 < n < _STREAM else size
    piece = Piece(head[:4] + head[12:24], min(begin, size), min(end, size))
    return Walk([piece], [Size(8, f"{order}I", 0)], min(end, size), end > size)


def _chunks(file: BinaryIO, start: int, size: int, family: Family, claimed: int) -> Walk:
    """Walk chunks until something else follows the samples; `claimed` is where all are to end."""
    chunk = struct.Struct(family.chunk)
    coding, pieces, sizes, frames_at = b"", list[Piece](), list[Size](), 0
    at, long = start + family.header, 0
    for _ in range(_MOST):
        file.seek(at)
        head = file.read(64)
        if len(head) < chunk.size or (pieces and (container(head) or is_tag(head))):
            return Walk(pieces, sizes, at, False, frames_at)
        name, n = chunk.unpack_from(head)
        body, n = at + chunk.size, n - family.own
        named = name[:4].isascii() and name[:4].decode().isprintable() and n >= -1
        if not named or (pieces and at >= claimed and body + n > size + 1):  # a size by chance
            return Walk(pieces, sizes, at, False, frames_at)
        if name == b"ds64" and len(head) >= chunk.size + 16:
            total, long = struct.unpack_from("<2Q", head, chunk.size)
            claimed = start + 8 + total
            sizes = [Size(body - start, "<Q", body), Size(body - start + 8, "<Q", 0)]
        elif name == family.coding:
            file.seek(body)
            coding = file.read(max(0, min(n, _CODING)))
            if name == b"COMM":  # how many frames there are says nothing of how they are coded
                coding, frames_at = coding[:2] + coding[6:], body + 2 - start
        elif name == family.data:
            n = long if long and n == _UNKNOWN else n
            stream = not family.before < n < (2**62 if long or family.align == 8 else _STREAM)
            begin = min(body + family.before, size)
            end = size if stream else min(body + n, size)
            pieces.append(Piece(coding, begin, max(begin, end)))
            if len(pieces) == 1:
                sizes = _sizes(family, at - start, begin - start, sizes)
            if stream:
                return Walk(pieces, sizes, size, False, frames_at)
        at = body + n
        if at > size + 1:
            return Walk(pieces, sizes, size, True, frames_at)
        at += _padding(file, at, (start - at) % family.align)
    return Walk([], [], min(at, size), False)


def _sizes(family: Family, data: int, header: int, long: list[Size]) -> list[Size]:
    """Return the sizes in a header of so many bytes, in which the chunk of samples begins."""
    if long:
        riff, samples = long
        return [riff._replace(more=header - 8), samples]
    layout = family.chunk[0] + family.chunk[-1]
    at = data + struct.calcsize(family.chunk) - struct.calcsize(layout)
    found = [Size(at, layout, family.before + family.own)]
    if family.total[1]:
        at, layout, uncounted = family.total
        found.append(Size(at, layout, header - uncounted))
    return found


def _padding(file: BinaryIO, at: int, n: int) -> int:
    """Return how many bytes fill up a chunk; 0 where its writer left them out."""
    file.seek(at)
    head = file.read(64)
    return 0 if n and (container(head) or is_tag(head)) else n
