"""Where the audio of a file lies by its own bytes, and the one file to read for all of it.

ffmpeg reads a file's first audio and says nothing of what follows; it takes no tag in front of
some containers; and it finds LAME's header, which says what an encoder put before the music, only
where an MP3 begins. So a file of several pieces, or one that begins late, is copied to one that
does not. A copy is never larger than its file.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from soundstage import mpeg, scratch
from soundstage.binary import RejectedAudioError
from soundstage.chunks import CONTAINERS, Piece, Walk, walk
from soundstage.containers import container, search, tags_end, tags_start

_HEAD = mpeg.LONGEST + 4  # bytes in which a frame of MPEG audio is followed by another's header
_JUNK = 2**20  # bytes before the first frame of MPEG audio that are looked through
_BEHIND = 2**28  # bytes behind the audio that are looked at
_BLOCK = 2**20
_UNCLAIMED = 0.1  # of what the header speaks of: so much behind it may be audio
_TEXT = bytes([0, 9, 10, 12, 13, *range(32, 127)])
_WALKS = 1000
# Behind the samples of AU ffmpeg reads on, and behind those of Wave64 libsndfile does.
_READ_ON = "au", "w64"
_FILLING = 7  # bytes at most that fill up a chunk
# Of these ffmpeg reads several, one behind the other (of Ogg, those of one codec).
_CHAINED = {"matroska"}
_MPEG = {"mp1", "mp2", "mp3"}
_TABLED = b"alac", b"aac ", b".mp3", b"paac"  # codings of CAF


class Layout(NamedTuple):
    """Where the audio of a file lies.

    `container` as in `containers`, "" for one without a name there; `start`: behind the tags in
    front; `warnings`, of `audio.WARNINGS`; `big_endian`: whether it is WAV of that order; `frame`:
    how many bytes of samples of all channels go together, as WAV says twice (0: it does not).
    `parts` are the bytes that make up the one file to read, () where that is the file itself, and
    `patches` what is written over in it. `first_frame`: where MPEG audio begins with a header that
    ffmpeg does not find; 0: nowhere.
    """

    container: str
    start: int
    warnings: frozenset[str] = frozenset()
    big_endian: bool = False
    frame: int = 0
    parts: tuple[tuple[int, int], ...] = ()
    patches: tuple[tuple[int, bytes], ...] = ()
    first_frame: int = 0


def look(path: Path) -> Layout:
    """Look at a file's own bytes.

    Raises
    ------
    RejectedAudioError
        `more_audio`: behind the audio begins another file, or audio that is coded otherwise;
        `unclaimed`: the header leaves out so much that is neither zeros nor text that it may be
        audio. (Behind AU it is read as such: ffmpeg does so, and writers of AU often do not know.)
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = tags_end(file)
        file.seek(start)
        head = file.read(_HEAD)
        name = container(head)
        if name in CONTAINERS:
            return _chunked(file, name, start, size)
        if name or start >= size or mpeg.first_frame(head) == 0:
            return Layout(name, start)
        head += file.read(_JUNK - _HEAD)
        first = mpeg.first_frame(head)
        if first is None or not mpeg.is_header(head, first):
            return Layout("", start)
        return Layout("", start, first_frame=start + first)


def _chunked(file: BinaryIO, name: str, start: int, size: int) -> Layout:
    first = walk(file, start, size)
    if not first.pieces:
        return Layout("", start)  # ffmpeg may know better
    walks, warnings, tail = [first], set(), tags_start(file, size)
    while (behind := tags_end(file, walks[-1].end)) < tail and len(walks) < _WALKS:
        other = search(file, behind, tail)
        if other is None:
            break
        if other[1] != name:
            raise RejectedAudioError(
                "more_audio", "holds a {1} file from byte {0} on".format(*other)
            )
        if other[0] > behind + 1:
            warnings.add("trailing")
        walks.append(walk(file, other[0], size))
    pieces = [piece for found in walks for piece in found.pieces]
    rest = _rest(file, behind, tail)
    much = rest == "binary" and tail - behind > _UNCLAIMED * behind
    if much and (pieces[0].coding[:4] != b".snd" or len(pieces) > 1):
        speaks = f"its header speaks of {behind} of its {size} bytes"
        raise RejectedAudioError("unclaimed", speaks)
    holds = {
        "trailing": rest and not much,
        "truncated": any(found.truncated for found in walks),
        "joined": len(pieces) > 1,
    }
    warnings |= {warning for warning, held in holds.items() if held}
    file.seek(start)
    rifx = file.read(4) == b"RIFX"
    frame = _frame(pieces[0].coding, ">" if rifx else "<") if name in ("wav", "w64") else 0
    found = Layout(name, start, frozenset(warnings), rifx, frame)
    cut = name in _READ_ON and not much and size - pieces[-1].end > _FILLING
    if len(pieces) > 1 or cut:
        return _as_one(file, found, first, pieces)
    return found._replace(parts=((start, size),) if start else ())


def _frame(coding: bytes, order: str) -> int:
    """Return how many bytes a frame has by WAV's bytes a second and by its blocks; else 0."""
    if len(coding) < 16:
        return 0
    rate, a_second, block = struct.unpack_from(f"{order}2IH", coding, 4)
    return block if a_second == rate * block else 0


def _rest(file: BinaryIO, start: int, end: int) -> str:
    """Return what lies between two places: "", `filling` (zeros or text), or `binary`."""
    if end - start < 2:  # a byte that fills up a chunk
        return ""
    if end - start > _BEHIND:
        return "binary"
    file.seek(start)
    for at in range(start, end, _BLOCK):
        if file.read(min(_BLOCK, end - at)).translate(None, _TEXT):
            return "binary"
    return "filling"


def _as_one(file: BinaryIO, found: Layout, first: Walk, pieces: list[Piece]) -> Layout:
    """Put the first header and all samples together, where they are coded alike."""
    one = pieces[0]
    tabled = found.container == "caf" and one.coding[8:12] in _TABLED
    if len(pieces) > 1 and (tabled or not one.coding or {p.coding for p in pieces} != {one.coding}):
        other = next((p for p in pieces[1:] if p.coding != one.coding), pieces[1])
        raise RejectedAudioError(
            "more_audio", f"holds audio from byte {other.start} on that is coded otherwise"
        )
    n = sum(piece.end - piece.start for piece in pieces)
    patches = [_patch(size.at, size.layout, n + size.more) for size in first.sizes]
    if first.frames_at:
        file.seek(found.start + first.frames_at)
        (frames,) = struct.unpack(">I", file.read(4))
        patches.append(_patch(first.frames_at, ">I", frames * n // max(1, one.end - one.start)))
    parts = [(found.start, one.start), *[(piece.start, piece.end) for piece in pieces]]
    return found._replace(parts=tuple(parts), patches=tuple(patches))


def _patch(at: int, layout: str, value: int) -> tuple[int, bytes]:
    largest = 2 ** (8 * struct.calcsize(layout)) - 1  # which says that nobody knows
    return at, struct.pack(layout, min(value, largest))


@contextmanager
def readable(path: Path, found: Layout) -> Iterator[Path]:
    """Yield the one file to read for all of a file's audio: itself, or a copy that is deleted."""
    if not found.parts:
        yield path
        return
    with scratch.folder() as folder:
        copy = folder / path.name
        with path.open("rb") as file, copy.open("wb") as target:
            for start, end in found.parts:
                file.seek(start)
                for at in range(start, end, _BLOCK):
                    target.write(file.read(min(_BLOCK, end - at)))
            for at, content in found.patches:
                target.seek(at)
                target.write(content)
        yield copy


def check_behind(path: Path, found: Layout, codec: str, read_to: int) -> None:
    """Look for another file behind the audio of one that has no chunks.

    `path` is the one that was read, its `codec` is ffmpeg's name; `read_to`: a place up to which
    ffmpeg has read it (it may have read more).

    Raises
    ------
    RejectedAudioError
        `more_audio`.
    """
    known = {found.container} & _CHAINED | ({"mp3"} if codec in _MPEG else set())
    if found.container == "ogg":
        known.add(f"ogg_{codec}")
    with path.open("rb") as file:
        start = max(read_to, 1 if found.parts else found.start + 1)
        other = search(file, start, tags_start(file, file.seek(0, 2)), known)
    if other:
        raise RejectedAudioError("more_audio", "holds a {1} file from byte {0} on".format(*other))
