"""What audio files hold: sounds as coders write them, tags, and bytes that are written over.

All sounds are short and of 16 kHz, so that what is decoded at 16 kHz has a known number of samples.
"""

import io
import struct
import subprocess
import zlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg
import numpy as np
import soundfile

SR = 16000
SECONDS = 5.0


def signal(seconds: float = SECONDS, channels: int = 1, sr: int = SR) -> np.ndarray:
    """Return (n, channels) of a tone and a little noise, quieter in each further channel."""
    t = np.arange(round(seconds * sr)) / sr
    noise = 0.05 * np.random.default_rng(0).standard_normal((t.size, channels))
    return np.outer(0.3 * np.sin(2 * np.pi * 440 * t), np.linspace(1, 0.5, channels)) + noise


def sound(container: str, subtype: str | None = None, y: np.ndarray | None = None, **form) -> bytes:
    """Return a file as libsndfile writes it, of `y` or else of `signal(**form)`.

    `endian` and `sr` may be in `form`.
    """
    file = io.BytesIO()
    endian = form.pop("endian", None)
    y = signal(**form) if y is None else y
    soundfile.write(file, y, form.get("sr", SR), format=container, subtype=subtype, endian=endian)
    return file.getvalue()


CODERS = {
    "coded.m4a": (),
    "index in front.m4a": ("-movflags", "+faststart"),
    "lossless.m4a": ("-c:a", "alac"),
    "coded.wma": (),
    "coded.aac": (),
    "coded.ac3": (),
    "coded.eac3": (),
    "coded.mka": (),
    "coded.webm": (),
    "coded.wv": (),
    "coded.opus": (),
    "coded.tta": (),
    "coded.mp2": (),
    "coded.amr": ("-c:a", "libopencore_amrnb", "-ar", "8000", "-b:a", "12.2k"),
    "flac.ogg": ("-c:a", "flac"),
    "coded.rm": ("-c:a", "ac3", "-ar", "32000"),
    "coded.avi": (),
    "coded.mpg": ("-c:a", "mp2"),
}


@cache
def encoded() -> dict[str, bytes]:
    """Return files of `signal()` by the coders of ffmpeg, all made by one run of it."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "in.wav").write_bytes(sound("WAV"))
        outputs = [word for name, options in CODERS.items() for word in (*options, name)]
        _ffmpeg("-i", "in.wav", *outputs, cwd=folder)
        return {name: (Path(folder) / name).read_bytes() for name in CODERS}


@cache
def video(*options: str) -> bytes:
    """Return an MP4 with a picture for half a second, and what `options` add."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "in.wav").write_bytes(sound("WAV"))
        picture = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=4:duration=0.5")
        _ffmpeg("-i", "in.wav", *picture, *options, "-c:v", "mpeg4", "out.mp4", cwd=folder)
        return (Path(folder) / "out.mp4").read_bytes()


@cache
def hours_of_silence(hours: float) -> bytes:
    """Return a FLAC of digital silence: some ten kilobytes an hour."""
    with TemporaryDirectory() as folder:
        silence = ("-f", "lavfi", "-i", f"anullsrc=r=4000:cl=mono:n=65535:d={3600 * hours}")
        _ffmpeg(*silence, "-frame_size", "65535", "out.flac", cwd=folder)
        return (Path(folder) / "out.flac").read_bytes()


def _ffmpeg(*words: str, cwd: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", *words]
    subprocess.run(command, cwd=cwd, check=True)


def patched(content: bytes, at: int | bytes, layout: str, *values: int) -> bytes:
    """Return `content` with numbers written over it, at a place or after a name."""
    place = content.index(at) + len(at) if isinstance(at, bytes) else at
    changed = bytearray(content)
    struct.pack_into(layout, changed, place, *values)
    return bytes(changed)


@cache
def wav(subtype: str = "PCM_16") -> bytes:
    return sound("WAV", subtype)


@cache
def mp3(seconds: float = SECONDS, channels: int = 1, sr: int = SR) -> bytes:
    return sound("MP3", seconds=seconds, channels=channels, sr=sr)


@cache
def flac() -> bytes:
    return sound("FLAC")


@cache
def ogg() -> bytes:
    return sound("OGG", "VORBIS")


def damaged(content: bytes, at: float, n: int) -> bytes:
    start = int(at * len(content))
    noise = np.random.default_rng(1).bytes(n)
    return content[:start] + noise + content[start + n :]


def id3(*frames: bytes, size: int | None = None) -> bytes:
    """Return an ID3v2.3 tag; `size` lies about its length."""
    body = b"".join(frames)
    n = len(body) if size is None else size
    return b"ID3\3\0\0" + bytes(n >> shift & 127 for shift in (21, 14, 7, 0)) + body


def picture(image: bytes) -> bytes:
    """Return an ID3v2.3 frame that holds a cover."""
    body = b"\0image/png\0\3\0" + image
    return b"APIC" + struct.pack(">I2x", len(body)) + body


def png(side: int) -> bytes:
    """Return a black square, cut short after a few lines: whoever trusts its header takes side²."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    pixels = zlib.compress(bytes(64 * (1 + side)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def ape_tag(title: bytes = b"name", *, header: bool = False) -> bytes:
    item = struct.pack("<II", len(title), 0) + b"Title\0" + title
    has_header, is_header = header << 31, 1 << 29

    def end(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII8x", 2000, len(item) + 32, 1, flags)

    return (end(has_header | is_header) if header else b"") + item + end(has_header)


def id3v1() -> bytes:
    return b"TAG" + b"a title".ljust(125, b"\0")
