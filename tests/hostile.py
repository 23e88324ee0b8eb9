"""Audio files as they come: awkward, broken and hostile ones, and the verdict each must get.

`KINDS` maps a file's name to the function that makes its content and to its verdict; `NAMES` are
names that mean something to a shell, a terminal, an option parser or a table.
"""

import struct
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from sounds import (
    CODERS,
    SECONDS,
    SR,
    ape_tag,
    damaged,
    encoded,
    flac,
    hours_of_silence,
    id3,
    id3v1,
    mp3,
    ogg,
    patched,
    picture,
    png,
    signal,
    sound,
    video,
    wav,
)

MAX_SECONDS = 1300  # that the verdicts suppose
CODED = 0.13  # seconds by which coders that keep no length are off


@dataclass(frozen=True)
class Accepted:
    """All of the audio: so many seconds, to within some."""

    seconds: float = SECONDS
    within: float = 0.0
    channels: int = 1
    warnings: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Kind:
    """What makes a file's content, and its verdict: accepted, or quarantined with a reason."""

    content: Callable[[], bytes]
    verdict: Accepted | str = field(default_factory=Accepted)


def _flac_of_claimed_length(n: int) -> bytes:
    """STREAMINFO begins at byte 8; its number of samples is the last 36 bits of 8 at byte 18."""
    (bits,) = struct.unpack_from(">Q", flac(), 18)
    return patched(flac(), 18, ">Q", bits >> 36 << 36 | n)


def _xing(frames: int) -> bytes:
    name = b"Xing" if b"Xing" in mp3() else b"Info"
    return patched(mp3(), mp3().index(name) + 8, ">I", frames)


def _written(y: np.ndarray, subtype: str = "FLOAT") -> Callable[[], bytes]:
    return partial(sound, "WAV", subtype, y)


def _of_zeros(n: int) -> Callable[[], bytes]:
    return partial(bytes, n)


def _noise(n: int, seed: int = 0) -> Callable[[], bytes]:
    return lambda: np.random.default_rng(seed).bytes(n)


def _two_chunks_of_data() -> bytes:
    half = (len(wav()) - 44) // 2
    chunk = b"data" + struct.pack("<I", half)
    return wav()[:36] + chunk + wav()[44 : 44 + half] + chunk + wav()[44 + half :]


def _24_bits_in_32() -> bytes:
    return patched(sound("WAV", "PCM_32", np.round(2**23 * X) / 2**23), 34, "<H", 24)


def _coded(name: str) -> Kind:
    return Kind(lambda: encoded()[name], Accepted(within=CODED))


def _not_finite(value: float) -> Callable[[], bytes]:
    y = signal()
    y[SR] = value
    return _written(y)


TRUNCATED, DAMAGED = frozenset({"truncated"}), frozenset({"damaged"})
TRAILING, JOINED = frozenset({"trailing"}), frozenset({"joined"})
X = signal()

# libsndfile gives too little of these, and says nothing.
SILENTLY_TOO_LITTLE = {
    "mono then stereo.mp3": Kind(lambda: mp3() + mp3(channels=2), Accepted(10, 0.15)),
    "stereo then mono.mp3": Kind(lambda: mp3(channels=2) + mp3(), Accepted(10, 0.15, channels=2)),
    "two rates.mp3": Kind(lambda: mp3() + mp3(sr=24000), Accepted(10, 0.15)),
    "chained, then stereo.ogg": Kind(
        lambda: ogg() + sound("OGG", "VORBIS", channels=2), Accepted(within=0.02, warnings=DAMAGED)
    ),
    "chained, at two rates.ogg": Kind(
        lambda: ogg() + sound("OGG", "VORBIS", sr=24000),
        Accepted(within=0.02, warnings=DAMAGED | TRUNCATED),
    ),
    "chained.ogg": Kind(lambda: ogg() + ogg(), Accepted(10, 0.02)),
    "no size.wav": Kind(lambda: patched(wav(), b"data", "<I", 0)),
    "mp4.mp3": _coded("coded.m4a"),
    "wav.mp3": Kind(wav),
    "mp3.wav": Kind(mp3),
}

# libsndfile fails on these.
ONLY_FFMPEG = {name: _coded(name) for name in CODERS} | {
    "damaged in the middle.mp3": Kind(
        lambda: damaged(mp3(10), 0.5, 700), Accepted(10, 0.5, warnings=TRUNCATED | DAMAGED)
    ),
    "unknown length.flac": Kind(lambda: _flac_of_claimed_length(0)),
    "cut.flac": Kind(
        lambda: flac()[: len(flac()) // 2], Accepted(2.5, 0.3, warnings=TRUNCATED | DAMAGED)
    ),
    "cut.mp3": Kind(lambda: mp3()[: len(mp3()) // 2], Accepted(2.5, 0.2, warnings=TRUNCATED)),
    "cut.wav": Kind(lambda: wav()[: 44 + SR * 5], Accepted(2.5, warnings=TRUNCATED)),
    "cut.ogg": Kind(lambda: ogg()[: len(ogg()) // 2], Accepted(2.0, 0.6)),
    "cut.m4a": Kind(
        lambda: encoded()["index in front.m4a"][:30_000],
        Accepted(3.3, 0.2, warnings=TRUNCATED | DAMAGED),
    ),
    "index cut off.m4a": Kind(lambda: encoded()["coded.m4a"][:30_000], "undecodable"),
}

LYING_HEADERS = {
    "size too big.wav": Kind(
        lambda: patched(wav(), b"data", "<I", 10**9), Accepted(warnings=TRUNCATED)
    ),
    "size of a stream.wav": Kind(lambda: patched(wav(), b"data", "<I", 0xFFFFFFFF)),
    "size too small.wav": Kind(lambda: patched(wav(), b"data", "<I", 32000), "unclaimed"),
    "size too small.aiff": Kind(lambda: patched(sound("AIFF"), b"SSND", ">I", 32000), "unclaimed"),
    "size too small.au": Kind(lambda: patched(sound("AU"), 8, ">I", 32000)),
    "size of a stream.au": Kind(lambda: patched(sound("AU"), 8, ">I", 0xFFFFFFFF)),
    "size too big.au": Kind(
        lambda: patched(sound("AU"), 8, ">I", 10**9), Accepted(warnings=TRUNCATED)
    ),
    "format of 4 GB.wav": Kind(lambda: patched(wav(), b"fmt ", "<I", 0xFFFFFFF0), "undecodable"),
    "0 Hz.wav": Kind(lambda: patched(wav(), 24, "<I", 0), "undecodable"),
    "1 Hz.wav": Kind(lambda: patched(wav(), 24, "<I", 1), "rate"),
    "2 GHz.wav": Kind(lambda: patched(wav(), 24, "<I", 2 * 10**9), "rate"),
    "4 GHz.wav": Kind(lambda: patched(wav(), 24, "<I", 4 * 10**9), "undecodable"),
    "no channels.wav": Kind(lambda: patched(wav(), 22, "<H", 0), "undecodable"),
    "65535 channels.wav": Kind(lambda: patched(wav(), 22, "<H", 65535), "undecodable"),
    "1000 channels.wav": Kind(lambda: patched(wav(), 22, "<H", 1000), "undecodable"),
    "32 bits.wav": Kind(lambda: patched(wav(), 34, "<H", 32), "disagree"),
    "8 bits.wav": Kind(lambda: patched(wav(), 34, "<H", 8), "disagree"),
    "24 bits.wav": Kind(lambda: patched(wav("PCM_32"), 34, "<H", 24), "disagree"),
    "16 bits.wav": Kind(
        lambda: patched(sound("WAV", endian="BIG", subtype="PCM_24"), 34, ">H", 16), "disagree"
    ),
    "two channels.wav": Kind(lambda: patched(wav(), 22, "<H", 2), "disagree"),
    "blocks of 64 kB.wav": Kind(lambda: patched(wav(), 32, "<H", 65535), Accepted(within=2 / SR)),
    "30 days.mp3": Kind(
        lambda: _xing(30 * 86400 * SR // 576), Accepted(within=0.02, warnings=TRUNCATED)
    ),
    "one frame.mp3": Kind(lambda: _xing(1), Accepted(within=CODED)),
    "50 days.flac": Kind(lambda: _flac_of_claimed_length(2**36 - 1), Accepted(warnings=TRUNCATED)),
    "one sample.flac": Kind(lambda: _flac_of_claimed_length(1)),
    "tag beyond the end.mp3": Kind(lambda: id3(size=2**28 - 1) + mp3(), "undecodable"),
    "6 hours.flac": Kind(partial(hours_of_silence, 6), "too_long"),
}

TEXT = b"Thank you for listening to this.\n"
BEHIND = {
    "two.wav": Kind(lambda: wav() + wav(), Accepted(10, warnings=JOINED)),
    "two.aiff": Kind(lambda: 2 * sound("AIFF"), Accepted(10, warnings=JOINED)),
    "two.au": Kind(lambda: 2 * sound("AU"), Accepted(10, warnings=JOINED)),
    "two chunks of data.wav": Kind(_two_chunks_of_data, Accepted(warnings=JOINED)),
    "two formats.wav": Kind(lambda: wav() + wav("PCM_24"), "more_audio"),
    "two.flac": Kind(lambda: flac() + flac(), "more_audio"),
    "two.m4a": Kind(lambda: 2 * encoded()["coded.m4a"], "more_audio"),
    "wav behind.mp3": Kind(lambda: mp3() + wav(), "more_audio"),
    "wav behind.flac": Kind(lambda: flac() + wav(), "more_audio"),
    "wav behind.ogg": Kind(lambda: ogg() + wav(), "more_audio"),
    "mp3 behind.wav": Kind(lambda: wav() + mp3(), "more_audio"),
    "flac behind.m4a": Kind(lambda: encoded()["coded.m4a"] + flac(), "more_audio"),
    "text behind.wav": Kind(lambda: wav() + 999 * TEXT, Accepted(warnings=TRAILING)),
    "zeros behind.wav": Kind(lambda: wav() + bytes(99_000), Accepted(warnings=TRAILING)),
    "zeros behind.au": Kind(lambda: sound("AU") + bytes(99_000), Accepted(warnings=TRAILING)),
    "junk behind.wav": Kind(lambda: wav() + _noise(9000)(), Accepted(warnings=TRAILING)),
    "junk behind.w64": Kind(
        lambda: sound("W64", "PCM_16") + _noise(9000)(), Accepted(warnings=TRAILING)
    ),
    "much junk behind.wav": Kind(lambda: wav() + _noise(90_000)(), "unclaimed"),
    "much junk behind.caf": Kind(lambda: sound("CAF") + _noise(90_000)(), "unclaimed"),
}
IN_FRONT = {
    f"tag in front.{ending}": Kind(lambda content=content: id3(bytes(3000)) + content())
    for ending, content in {
        "wav": wav,
        "aiff": partial(sound, "AIFF"),
        "caf": partial(sound, "CAF"),
        "au": partial(sound, "AU"),
        "flac": flac,
    }.items()
} | {
    "shoutcast.mp3": Kind(lambda: b"ICY 200 OK\r\nicy-name:radio\r\n\r\n" + mp3()),
    "text in front.mp3": Kind(lambda: id3(bytes(99)) + TEXT + mp3()),
    "zeros in front.mp3": Kind(lambda: bytes(500) + mp3()),
    "junk in front.mp3": Kind(lambda: _noise(3000)() + mp3()),
}
# Of these ffmpeg gives noise, silence, other lengths, or nothing.
ONLY_LIBSNDFILE = {
    f"big-endian {subtype}.wav": Kind(partial(sound, "WAV", subtype, endian="BIG"))
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")
}
ONLY_LIBSNDFILE |= {
    f"{subtype}.wav": Kind(partial(sound, "WAV", subtype), Accepted(within=0.01))
    for subtype in ("NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32", "G721_32")
}
ONLY_LIBSNDFILE |= {
    "little-endian.au": Kind(partial(sound, "AU", endian="LITTLE")),
    "little-endian PCM_24.aiff": Kind(partial(sound, "AIFF", "PCM_24", endian="LITTLE")),
    "DWVW_16.aiff": Kind(partial(sound, "AIFF", "DWVW_16")),
    "G723_24.au": Kind(partial(sound, "AU", "G723_24"), Accepted(within=0.01)),
    "G721_32.au": Kind(partial(sound, "AU", "G721_32"), "disagree"),
    "24 bits in 32.wav": Kind(_24_bits_in_32),
}

ENDINGS = {"RF64": "wav", "WAVEX": "wav"}
UNUSUAL = {
    f"{n} channels.wav": Kind(partial(sound, "WAV", seconds=1, channels=n), Accepted(1, channels=n))
    for n in (2, 3, 6, 8, 17, 64)
}
UNUSUAL |= {
    f"{rate} Hz.wav": Kind(partial(sound, "WAV", seconds=1, sr=rate), Accepted(1))
    for rate in (4000, 8000, 11025, 32000, 44100, 48000, 88200, 96000, 192_000)
}
UNUSUAL |= {
    f"{container} {subtype}.{ENDINGS.get(container, container)}": Kind(
        partial(sound, container, subtype)
    )
    for container, subtype in [
        *[("WAV", kind) for kind in ("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
        *[("WAV", kind) for kind in ("ULAW", "ALAW")],
        ("RF64", "PCM_16"),
        ("W64", "PCM_16"),
        ("WAVEX", "PCM_24"),
        *[("AIFF", kind) for kind in ("PCM_S8", "PCM_16", "PCM_24", "FLOAT")],
        *[("AU", kind) for kind in ("PCM_16", "FLOAT", "ULAW")],
        *[("CAF", kind) for kind in ("PCM_16", "FLOAT")],
        ("FLAC", "PCM_24"),
        ("FLAC", "PCM_S8"),
    ]
}
UNUSUAL |= {
    "IMA_ADPCM.wav": Kind(partial(sound, "WAV", "IMA_ADPCM"), Accepted(within=0.1)),
    "ALAC_16.caf": Kind(partial(sound, "CAF", "ALAC_16")),
    "MS_ADPCM.wav": Kind(partial(sound, "WAV", "MS_ADPCM"), Accepted(within=0.1)),
    "opus.ogg": Kind(partial(sound, "OGG", "OPUS"), Accepted(within=CODED)),
    "six channels.ogg": Kind(
        partial(sound, "OGG", "VORBIS", seconds=1, channels=6), Accepted(1, channels=6)
    ),
    "a megabyte of art.mp3": Kind(
        lambda: id3(picture(b"\x89PNG" + _noise(2**20)())) + mp3(), Accepted()
    ),
    "art of 256 megapixels.mp3": Kind(lambda: id3(picture(png(16_000))) + mp3(), Accepted()),
    "tags at the end.mp3": Kind(lambda: mp3() + ape_tag() + id3v1()),
    "tags at the end.wav": Kind(lambda: wav() + ape_tag(bytes(40_000), header=True) + id3v1()),
    "art at the end.wav": Kind(lambda: wav() + id3(bytes(40_000))),
    "art at the end.aiff": Kind(lambda: sound("AIFF") + id3(bytes(40_000))),
    "tags everywhere.mp3": Kind(lambda: id3(bytes(99)) + mp3() + id3v1()),
    "twenty minutes.wav": Kind(
        lambda: sound("WAV", "PCM_U8", np.resize(X[:, 0], 1200 * 4000), sr=4000), Accepted(1200)
    ),
    "too loud.wav": Kind(_written(5 * X), Accepted(warnings=frozenset({"too_loud"}))),
    "integers as floats.wav": Kind(_written(np.round(32767 * X)), "out_of_scale"),
    "offset.wav": Kind(_written(X + 0.5)),
    "one channel silent.wav": Kind(_written(X * [1, 0]), Accepted(channels=2)),
    "antiphase.wav": Kind(
        _written(X * [1, -1]), Accepted(channels=2, warnings=frozenset({"antiphase"}))
    ),
    "antiphase.mp3": Kind(
        lambda: sound("MP3", None, X * [1, -1]),
        Accepted(channels=2, warnings=frozenset({"antiphase"})),
    ),
    "video with audio.mp4": Kind(partial(video), Accepted(within=CODED)),
}

SILENT = frozenset({"silent"})
NO_MUSIC = {
    "nothing.mp3": Kind(bytes, "undecodable"),
    "tags only.mp3": Kind(lambda: id3(bytes(2000)) + id3v1(), "undecodable"),
    "text.mp3": Kind(lambda: b"Far too few notes for my taste.\n" * 999, "undecodable"),
    "page.mp3": Kind(lambda: b"<!DOCTYPE html><p>404" + b"<br>" * 9999, "undecodable"),
    "noise.mp3": Kind(_noise(50_000), "undecodable"),
    "noise.wav": Kind(_noise(50_000), "undecodable"),
    "much noise.mp3": Kind(_noise(2_000_000), "undecodable"),
    "zeros.mp3": Kind(_of_zeros(50_000), "undecodable"),
    "ones.mp3": Kind(lambda: b"\xff" * 50_000, "undecodable"),
    "picture.mp3": Kind(partial(png, 64), "undecodable"),
    "archive.mp3": Kind(lambda: b"PK\3\4" + bytes(9999), "undecodable"),
    "video only.mp4": Kind(partial(video, "-an"), "undecodable"),
    "10 ms.wav": Kind(partial(sound, "WAV", seconds=0.01), "too_short"),
    "header only.wav": Kind(lambda: sound("WAV", y=np.zeros(0)), "empty"),
    "silence.wav": Kind(_written(np.zeros(5 * SR), "PCM_16"), Accepted(warnings=SILENT)),
    "constant.wav": Kind(_written(np.full(5 * SR, 0.5)), Accepted(warnings=SILENT)),
    "silence.mp3": Kind(lambda: sound("MP3", y=np.zeros(5 * SR)), Accepted(warnings=SILENT)),
    "not a number.wav": Kind(_not_finite(np.nan), "not_finite"),
    "infinity.wav": Kind(_not_finite(np.inf), "not_finite"),
}


def playlists(target: str) -> dict[str, str]:
    """Return files, by format, that tell a player to open a path or an address."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n",
        "m3u": f"#EXTM3U\n#EXTINF:5,Name\n{target}\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=audio 5004 RTP/AVP 0\na=control:{target}\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet '
        'mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>'
        f"{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "pls": f"[playlist]\nFile1={target}\nNumberOfEntries=1\nVersion=2\n",
        "asx": f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
        "xspf": f"<playlist><trackList><track><location>{target}</location></track></trackList>"
        "</playlist>",
        "cue": f'FILE "{target}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
        "ram": f"{target}\n",
    }


KINDS = SILENTLY_TOO_LITTLE | ONLY_FFMPEG | LYING_HEADERS | UNUSUAL | NO_MUSIC
KINDS |= BEHIND | IN_FRONT | ONLY_LIBSNDFILE

NAMES = [
    "a b.wav", "it's \"quoted\".wav", "two\nlines.wav", "-i.wav", "--help.wav", "%d%s%03d.wav",
    "$(reboot);`id`.wav", "*?[a-z]{1,2}.wav", "a,b;c\td.wav", "=1+1.wav", "@SUM(A1).wav", "~.wav",
    "concat:a|b.wav", "http:x.wav", "file:a.wav", "pipe:0.wav", "CON.wav", "back\\slash.wav",
    "\x1b[31mred.wav", unicodedata.normalize("NFC", "é.wav"), unicodedata.normalize("NFD", "é.wav"),
    "名前.wav", "n" * 251 + ".wav", "/".join(["deep" * 20] * 30) + "/a.wav",
]  # fmt: skip
