"""Where MPEG audio begins: the first frame, and whether it is the header that LAME or Xing wrote.

That frame says how many samples the encoder put before the music. ffmpeg looks for it only where
the file, or the tag in front, says that the audio begins. Formats: ISO 11172-3 section 2.4.1.3.
"""

from typing import NamedTuple

LONGEST = 2881  # bytes of a frame: layer II, 160 kbit/s at 8 kHz, and padding
_SYNC = b"\xff"
_RATES = 44100, 48000, 32000  # Hz, of MPEG-1
# kbit/s: layers I, II and III of MPEG-1, then I and both others of MPEG-2 and 2.5.
_KBITS = (
    (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)


class Frame(NamedTuple):
    """What a frame's header says: its length in bytes, and what all frames of a file share."""

    length: int
    version: int  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    layer: int
    rate: int
    mono: bool


def frame(content: bytes, at: int) -> Frame | None:
    """Return what the header at a place says; None where there is none."""
    word = content[at : at + 4]
    if len(word) < 4 or word[0] != 0xFF or word[1] < 0xE0:
        return None
    version, layer = word[1] >> 3 & 3, 4 - (word[1] >> 1 & 3)
    kbits, rate = word[2] >> 4, word[2] >> 2 & 3
    if version == 1 or layer == 4 or kbits in (0, 15) or rate == 3:
        return None
    hz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    bits = 1000 * _KBITS[layer - 1 if version == 3 else min(layer, 2) + 2][kbits - 1]
    padding = word[2] >> 1 & 1
    if layer == 1:
        length = 4 * (12 * bits // hz + padding)
    else:
        length = (72 if layer == 3 and version != 3 else 144) * bits // hz + padding
    return Frame(length, version, layer, hz, word[3] >> 6 == 3)


def first_frame(content: bytes) -> int | None:
    """Return where the first frame begins that another of its kind follows; None: nowhere."""
    at = content.find(_SYNC)
    while at >= 0:
        found = frame(content, at)
        if found:
            following = frame(content, at + found.length)
            if following and following[1:4] == found[1:4]:
                return at
        at = content.find(_SYNC, at + 1)
    return None


def frame_around(content: bytes, name: int) -> int:
    """Return where the frame begins that has the name of its header at a place; -1: nowhere."""
    for side in (9, 17, 32):  # bytes of side information
        for crc in (0, 2):
            at = name - 4 - side - crc
            if at >= 0 and _side(frame(content, at)) == side:
                return at
    return -1


def is_header(content: bytes, at: int) -> bool:
    """Return whether the frame at a place is a header of LAME, Xing or Fraunhofer."""
    begins = at + 4 + _side(frame(content, at))
    named = {content[place : place + 4] for place in (begins, begins + 2)}  # without, with a CRC
    return bool(named & {b"Xing", b"Info"}) or content[at + 36 : at + 40] == b"VBRI"


def _side(found: Frame | None) -> int:
    """Return how many bytes of side information a frame of layer III has; 0 for all others."""
    if found is None or found.layer != 3:
        return 0
    return (17 if found.mono else 32) if found.version == 3 else (9 if found.mono else 17)
