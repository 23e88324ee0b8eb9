"""Files to mono waveforms: ffmpeg's decoding, resampled, then the plain mean of the channels.

The ffmpeg binary is the definition. Common files without fault are decoded in this process, to
the same samples (`soundstage.libav`); about all others, and before any file is refused, the
binary is asked.

Untrusted files are decoded under limits: only containers that hold audio themselves are opened (a
playlist named `.mp3` would make ffmpeg open whatever it lists), for a bounded time, to a bounded
size. What cannot be decoded is `RejectedAudioError` with a reason code.
"""

import shutil
import struct
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import imageio_ffmpeg
import numpy as np

from soundstage import binary, libav
from soundstage.binary import Limits, RejectedAudioError
from soundstage.errors import SoundstageError

# Why a file gives no waveform.
REASONS = {
    "not_a_file": "is a folder, a FIFO, a device, or gone",
    "undecodable": "holds nothing that ffmpeg takes for audio",
    "unclaimed": "its header leaves out much of the file",
    "timeout": "takes longer to decode than decode.timeout_seconds",
    "too_long": "is longer than decode.max_seconds",
    "too_short": "is shorter than decode.min_seconds",
    "too_large": "decodes to more bytes than decode.max_bytes",
    "rate": "its sample rate is outside decode.min_rate and decode.max_rate",
    "channels": "has more channels than decode.max_channels",
    "empty": "holds no samples",
    "silent": "is digital silence, and decode.silence is `quarantine`",
    "not_finite": "holds samples that are no numbers",
}
# What is worth knowing of a file that is accepted.
WARNINGS = {
    "truncated": "holds less audio than its header claims",
    "damaged": "parts of it could not be decoded and are left out",
    "silent": "is digital silence",
    "antiphase": "its channels cancel out: their mean is silence",
}

# What tags behind the last chunk begin with. (`ID3 ` is the name of a chunk.)
_TAGS = (b"ID3\2", b"ID3\3", b"ID3\4", b"TAG", b"APETAGEX")
_SILENCE = 2**-16  # of full scale: below half a step of 16 bits
_CANCELLED = 0.01  # the mean's peak by the channels' peak: 40 dB below


class Clip(NamedTuple):
    """A decoded file: its waveform, how many channels it has, and of `WARNINGS` those that hold."""

    y: np.ndarray
    channels: int
    warnings: frozenset[str]


@cache
def ffmpeg_binary(which: str) -> str:
    """Return the path of the ffmpeg to use: `bundled` (imageio-ffmpeg's wheel) or `system`."""
    if which == "bundled":
        return imageio_ffmpeg.get_ffmpeg_exe()
    found = shutil.which("ffmpeg")
    if found is None:
        raise SoundstageError(
            "decode.ffmpeg: 'system', but no ffmpeg is on the PATH; install it or say 'bundled'"
        )
    return found


@cache
def ffmpeg_version(binary: str) -> str:
    """Return the version that an ffmpeg binary states of itself."""
    first = subprocess.run([binary, "-version"], capture_output=True, text=True, check=True)
    return first.stdout.split()[2]


def decode(path: Path, sr: int, limits: Limits) -> Clip:
    """Decode an audio file to one channel.

    Every channel is decoded to float32 and resampled by ffmpeg; the mean over the channels is
    taken afterwards. (ffmpeg's own downmix to one channel is not the mean in float formats.)

    Returns
    -------
    y: (n,) float32, full scale is [-1, 1] (files may exceed it); the number of channels; and what
    is worth a warning. None of these depends on the way that was taken.

    Raises
    ------
    RejectedAudioError
        With one of `REASONS`.
    """
    if not path.is_file():
        raise RejectedAudioError("not_a_file", REASONS["not_a_file"])
    known = _claims_more(path)
    if limits.in_process:
        with suppress(libav.DoubtfulError, RejectedAudioError):  # then the binary's verdict counts
            samples = libav.decode(
                path,
                sr,
                max_seconds=limits.max_seconds,
                max_bytes=limits.max_bytes,
                rates=(limits.min_rate, limits.max_rate),
                timeout_seconds=limits.timeout_seconds,
                formats=limits.formats,
            )
            return _clip(samples, sr, limits, known)
    samples, found = binary.decode(path, sr, limits)
    return _clip(samples, sr, limits, known | found)


def _claims_more(path: Path) -> frozenset[str]:
    """Return `truncated` of a WAV or AIFF file whose chunks reach beyond its end.

    RejectedAudioError `unclaimed` where they end long before it, and no tag follows them: a size
    that is too small would cut the audio short, and nothing else tells. (Of other containers
    ffmpeg reads all, or says what they claim.)
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        magic, form = struct.unpack("4s4x4s", file.read(12).ljust(12))
        if (magic, form) not in {(b"RIFF", b"WAVE"), (b"FORM", b"AIFF"), (b"FORM", b"AIFC")}:
            return frozenset()
        header = struct.Struct("<4sI" if magic == b"RIFF" else ">4sI")
        end = 12
        for _ in range(1000):  # chunks; a file made of empty ones would keep us long
            file.seek(end)
            found = file.read(header.size)
            if found.startswith(_TAGS):
                return frozenset()  # all chunks were whole, and the rest is no audio
            name, n = header.unpack(found.ljust(header.size))
            if len(found) < header.size or not (name.isascii() and name.decode().isprintable()):
                break
            if name in {b"data", b"SSND"} and not 0 < n < 0x7FFF0000:
                return frozenset()  # a stream, whose writer could not know
            end += header.size + n
            file.seek(end)
            end += n % 2 and not file.read(8).startswith(_TAGS)  # some leave out the pad
    if size > 1.1 * end:
        raise RejectedAudioError("unclaimed", f"its header speaks of {end} of its {size} bytes")
    return frozenset({"truncated"}) if end > size + 1 else frozenset()


def _clip(samples: np.ndarray, sr: int, limits: Limits, warnings: frozenset[str]) -> Clip:
    """Take the mean of the channels; refuse what is no clip, and warn of silence."""
    n, channels = samples.shape
    if channels > limits.max_channels:
        raise RejectedAudioError("channels", f"has {channels} channels")
    if n == 0:
        raise RejectedAudioError("empty", "holds no samples")
    if n > limits.max_seconds * sr:
        raise RejectedAudioError("too_long", f"is longer than {limits.max_seconds:g} s")
    if n < limits.min_seconds * sr:
        raise RejectedAudioError("too_short", f"is shorter than {limits.min_seconds:g} s")
    with np.errstate(over="ignore", invalid="ignore"):
        y = samples[:, 0].astype(np.float32) if channels == 1 else samples.mean(1, np.float32)
    if not np.isfinite(y).all():
        raise RejectedAudioError("not_finite", "holds samples that are no numbers")
    found = set(warnings)
    loudest = max(float(samples.max()), -float(samples.min()))
    if loudest < _SILENCE:
        if limits.silence == "quarantine":
            raise RejectedAudioError("silent", "is digital silence")
        found.add("silent")
    elif channels > 1 and float(np.abs(y).max()) < _CANCELLED * loudest:
        found.add("antiphase")
    return Clip(y, channels, frozenset(found))


# The unit of a stored waveform, by dtype.
UNITS = {
    "int8": "1/128 of full scale",
    "int16": "1/32768 of full scale",
    "float16": "full scale",
    "float32": "full scale",
}


def quantise(y: np.ndarray, dtype: str) -> np.ndarray:
    """Return a waveform in the store's dtype.

    `int8` is PCM-8 (paper 000, section 2.2): clip(round(128 y), -128, 127), halves to even.
    `int16` is the same with 32768 y and its own range. `float16` takes the nearest of its finite
    numbers, so beyond +-65504 it clips too. `float32` is y itself.

    Raises
    ------
    ValueError
        Another dtype.
    """
    if dtype in ("int8", "int16"):
        ends = np.iinfo(dtype)
        return np.clip(np.rint(y * -float(ends.min)), ends.min, ends.max).astype(dtype)
    if dtype in ("float16", "float32"):
        return np.clip(y, np.finfo(dtype).min, np.finfo(dtype).max).astype(dtype)
    raise ValueError(f"dtype {dtype!r}: a waveform is int8, int16, float16 or float32")


def waveform(
    path: Path, sr: int, dtype: str, limits: Limits
) -> tuple[np.ndarray, dict[str, float]]:
    """Decode an audio file to what the store keeps of it.

    Returns
    -------
    (n,) of `dtype`, see `quantise`; and what is noted along with it: `channels`, what `level`
    gives, and 1 or 0 for each of `WARNINGS`.

    Raises
    ------
    RejectedAudioError
        As `decode`.
    """
    clip = decode(path, sr, limits)
    stored = quantise(clip.y, dtype)
    warned = {name: float(name in clip.warnings) for name in WARNINGS}
    return stored, {"channels": float(clip.channels), **level(clip.y, stored), **warned}


def samples(stored: np.ndarray) -> np.ndarray:
    """Return a stored waveform as features read it: PCM-8 as it is, others as float32.

    Full scale is then [-1, 1].
    """
    if stored.dtype == np.int16:
        return stored / np.float32(32768)
    return stored if stored.dtype == np.int8 else stored.astype(np.float32, copy=False)


def level(y: np.ndarray, stored: np.ndarray) -> dict[str, float]:
    """Return peak and RMS of a waveform (full scale 1), and what storing it as PCM-8 cost.

    `snr_db`: signal to quantisation noise in dB; `clipped`: share of samples more than half
    a step beyond the range. Both are given for int8 only; snr_db is 0 for silence.
    """
    power = float(np.mean(np.square(y, dtype=np.float64)))
    found = {"peak": float(np.abs(y).max()), "rms": power**0.5}
    if stored.dtype == np.int8:
        noise = float(np.mean(np.square(stored / 128.0 - y, dtype=np.float64)))
        found["snr_db"] = 10 * float(np.log10(power / noise)) if power and noise else 0.0
        found["clipped"] = float(np.mean((y * 128 > 127.5) | (y * 128 < -128.5)))
    return found
