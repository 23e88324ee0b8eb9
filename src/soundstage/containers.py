"""Which container a file is by its own first bytes, the tags around it, and others further behind.

Names are ffmpeg's (`formats.FORMATS`). Files are untrusted: no header's word makes this read long
or much at once.
"""

import re
from collections.abc import Collection
from typing import BinaryIO

import numpy as np

from soundstage import mpeg

_PAGE = rb"OggS\x00[\x02\x06]\x00{8}.{14}"  # the first, with the first packet behind it
# How containers begin; after `_` stands the codec. Each pattern says so much that nothing else
# looks like it by chance.
_BEGINNINGS = {
    "wav": rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE",
    "aiff": rb"FORM.{4}AIF[FC]",
    "w64": rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00",
    "caf": rb"caff\x00\x01.{2}desc",
    # big-endian, then little-endian: offset, size, encoding, rate, channels
    "au": rb"\.snd\x00.{3}.{4}\x00{3}[\x01-\x1b]\x00.{3}\x00.{3}"
    rb"|dns\..{3}\x00.{4}[\x01-\x1b]\x00{3}.{3}\x00.{3}\x00",
    "flac": rb"fLaC[\x00\x80]\x00\x00\x22",
    "ogg_vorbis": _PAGE + rb"\x01vorbis",
    "ogg_opus": _PAGE + rb"OpusHead",
    "ogg_flac": _PAGE + rb"\x7fFLAC",
    "ogg_speex": _PAGE + rb"Speex   ",
    "mov": rb"ftyp(?:M4[ABP] |mp4[12]|iso[m2-9]|dash|qt  |avc1|3gp[4-9]|MSNV)",  # after 4 bytes
    "asf": rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    "matroska": rb"\x1a\x45\xdf\xa3.{1,40}?\x42\x82.(?:webm|matroska)",
    "wv": rb"wvpk.{4}[\x02-\x10]\x04.{6}\x00{4}",  # a block whose first sample is the first of all
    "tta": rb"TTA1[\x01\x03]\x00",
    "ape": rb"MAC .[\x0e\x0f]\x00\x00",
    "mp3": rb"(?:Xing|Info)\x00\x00\x00[\x01-\x0f]",  # within the first frame
}
_BEGINNING = re.compile(
    b"|".join(b"(?P<%s>%s)" % (name.encode(), text) for name, text in _BEGINNINGS.items()), re.S
)
_ID3 = re.compile(rb"ID3[\2-\4].{2}[\0-\x7f]{4}", re.S)
_LONGEST = 64  # bytes around a place that the patterns look at
# The first two bytes of each pattern, as a table of 2**16: a search looks at these alone first.
_FIRST = np.zeros(2**16, bool)
_FIRST[np.frombuffer(b"RIRFBWFOrica.sdnfLOgft\x30\x26\x1a\x45wvTTMAXiIn", "<u2")] = True
_BLOCK = 2**20
_SEARCHED = 2**28  # bytes
_TAGS = 100  # tags in a row; a file made of them would keep us long


def container(head: bytes) -> str:
    """Return which container begins with these bytes; "" for any that has no such beginning."""
    found = _BEGINNING.match(head)
    if found and found.lastgroup not in ("mov", "mp3"):
        return str(found.lastgroup).partition("_")[0]
    found = _BEGINNING.match(head, 4)
    return "mov" if found and found.lastgroup == "mov" else ""


def begins_as_audio(head: bytes) -> bool:
    """Return whether 64 bytes are the beginning of audio: a container's, or a tag before it."""
    return bool(container(head)) or bool(_ID3.match(head))


def is_tag(head: bytes) -> bool:
    """Return whether a tag begins with these bytes. (`ID3 ` is the name of a chunk.)"""
    return bool(_ID3.match(head)) or head.startswith((b"APETAGEX", b"TAG"))


def tags_end(file: BinaryIO, at: int = 0) -> int:
    """Return where the ID3v2, APE and ID3v1 tags that begin at a place end; `at` without any."""
    for _ in range(_TAGS):
        file.seek(at)
        head = file.read(32)
        if _ID3.match(head):
            digits = zip(head[6:10], (21, 14, 7, 0), strict=True)
            at += 10 + sum(digit << shift for digit, shift in digits) + 10 * (head[5] >> 4 & 1)
        elif head.startswith(b"APETAGEX"):
            at += 32 + int.from_bytes(head[12:16], "little")
        elif head.startswith(b"TAG"):
            at += 128
        else:
            break
    return at


def tags_start(file: BinaryIO, size: int) -> int:
    """Return where the APE and ID3v1 tags begin with which a file of `size` bytes ends."""
    for _ in range(_TAGS):
        file.seek(max(size - 128, 0))
        tail = file.read(128)
        if len(tail) == 128 and tail.startswith(b"TAG"):
            size -= 128
        elif tail[-32:].startswith(b"APETAGEX") and len(tail) >= 32:
            with_header = tail[-9] >> 7
            size -= int.from_bytes(tail[-20:-16], "little") + 32 * with_header
        else:
            break
    return max(size, 0)


def search(
    file: BinaryIO, start: int, end: int, without: Collection[str] = ()
) -> tuple[int, str] | None:
    """Return where between two places another container begins, and which; None: nowhere.

    Those in `without` are not looked for (`ogg_vorbis`: Ogg of that codec). At most the first
    `_SEARCHED` bytes are searched.
    """
    end = min(end, start + _SEARCHED)
    at, step = start, _LONGEST  # most begin at once
    while at < end:
        before = min(at, _LONGEST)
        file.seek(at - before)
        block = file.read(before + step + _LONGEST)
        for place in _likely(block):
            found = _BEGINNING.match(block, place)
            if not found or found.lastgroup in without:
                continue
            name = str(found.lastgroup)
            if name == "mp3":
                place = mpeg.frame_around(block, place)
            begins = at - before + place - 4 * (name == "mov")
            if place < 0 or not start <= begins < end:
                continue
            if name != "flac" or _has_frames(file, begins):
                return begins, name.partition("_")[0]
        at, step = at + step, _BLOCK
    return None


def _likely(block: bytes) -> list[int]:
    """Return the places in a block at which two bytes are those with which a pattern begins."""
    even = np.frombuffer(block, "<u2", len(block) // 2)
    odd = np.frombuffer(block, "<u2", (len(block) - 1) // 2, 1) if block else even
    hits = [2 * np.flatnonzero(_FIRST[even]), 2 * np.flatnonzero(_FIRST[odd]) + 1]
    return np.sort(np.concatenate(hits)).tolist()


def _has_frames(file: BinaryIO, at: int) -> bool:
    """Return whether frames follow the metadata of FLAC: Ogg and Matroska quote the metadata."""
    at += 4
    for _ in range(_TAGS):
        file.seek(at)
        head = file.read(4)
        if len(head) < 4:
            return False
        at += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            break
    file.seek(at)
    return file.read(2) in (b"\xff\xf8", b"\xff\xf9")
