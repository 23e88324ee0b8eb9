"""Files to mono waveforms: ffmpeg's decoding, resampled, then the plain mean of the channels.

The ffmpeg binary is the definition. Common files without fault are decoded in this process, to
the same samples (`soundstage.libav`); about all others, and before any file is refused, the
binary is asked.

Untrusted files are decoded under limits: only containers that hold audio themselves are opened (a
playlist named `.mp3` would make ffmpeg open whatever it lists), for a bounded time, to a bounded
length. What cannot be decoded is `RejectedAudioError` with a reason code.
"""

import shutil
import signal
import struct
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import numpy as np

from soundstage import libav
from soundstage.errors import SoundstageError

# Containers and raw streams that hold their audio; no playlist, no network, no image.
FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,matroska,webm,mov,mp4,m4a,mp3,mpeg,ogg,rm,tta,"
    "w64,wav,wv"
)
_KILLED = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT}  # not the file's fault
_AU_HEADER = struct.Struct(">4s5I")  # magic, data offset, data size, encoding, rate, channels


class RejectedAudioError(Exception):
    """A file that gives no waveform: a reason code and a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


@dataclass(frozen=True)
class Limits:
    """Bounds on one decode; `ffmpeg` is the binary's path.

    `timeout_seconds` holds for each way. Without `in_process` no file is decoded by libav in this
    process, which a hostile file might crash.
    """

    ffmpeg: str
    timeout_seconds: float
    max_seconds: float
    in_process: bool = True


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


def decode(path: Path, sr: int, limits: Limits) -> tuple[np.ndarray, int]:
    """Decode an audio file to one channel.

    Every channel is decoded to float32 and resampled by ffmpeg; the mean over the channels is
    taken afterwards. (ffmpeg's own downmix to one channel is not the mean in float formats.)

    Returns
    -------
    y: (n,) float32, full scale is [-1, 1] (files may exceed it); and the number of channels.

    Raises
    ------
    RejectedAudioError
        `undecodable`, `timeout`, `too_long`, `empty` or `not_finite`.
    """
    if limits.in_process:
        with suppress(libav.DoubtfulError, RejectedAudioError):  # then the binary's verdict counts
            samples = libav.decode(
                path,
                sr,
                max_seconds=limits.max_seconds,
                timeout_seconds=limits.timeout_seconds,
            )
            return _mono(samples, sr, limits), samples.shape[1]
    samples = _by_binary(path, sr, limits)
    return _mono(samples, sr, limits), samples.shape[1]


def _by_binary(path: Path, sr: int, limits: Limits) -> np.ndarray:
    """Return the samples that the ffmpeg binary gives: (n, channels) float32, big-endian."""
    source = ffmpeg.input(
        f"file:{path}",
        format_whitelist=FORMATS,
        protocol_whitelist="file",
        t=limits.max_seconds + 1,
    )
    # AU: its header states the channels, and it streams floats of any length.
    stream = ffmpeg.output(
        source["a:0"], "pipe:", format="au", acodec="pcm_f32be", ar=sr, map_metadata=-1
    ).global_args("-nostdin", "-loglevel", "error", "-hide_banner")
    command = ffmpeg.compile(stream, cmd=limits.ffmpeg)
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=limits.timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise RejectedAudioError(
            "timeout", f"took more than {limits.timeout_seconds:g} s"
        ) from None
    if done.returncode in _KILLED:
        raise SoundstageError(f"{path}: ffmpeg was killed while decoding it; run again")
    if done.returncode or len(done.stdout) < _AU_HEADER.size:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["ffmpeg gave nothing"]
        raise RejectedAudioError("undecodable", said[-1].replace(str(path), path.name))

    _, offset, _, _, _, channels = _AU_HEADER.unpack_from(done.stdout)
    n = (len(done.stdout) - offset) // (4 * channels)
    return np.frombuffer(done.stdout, ">f4", n * channels, offset).reshape(n, channels)


def _mono(samples: np.ndarray, sr: int, limits: Limits) -> np.ndarray:
    """Return the mean of the channels; refuse what is empty, too long or holds no numbers."""
    n, channels = samples.shape
    if n == 0:
        raise RejectedAudioError("empty", "holds no samples")
    if n > limits.max_seconds * sr:
        raise RejectedAudioError("too_long", f"is longer than {limits.max_seconds:g} s")
    with np.errstate(over="ignore", invalid="ignore"):
        y = samples[:, 0].astype(np.float32) if channels == 1 else samples.mean(1, np.float32)
    if not np.isfinite(y).all():
        raise RejectedAudioError("not_finite", "holds samples that are no numbers")
    return y


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


def samples(stored: np.ndarray) -> np.ndarray:
    """Return a stored waveform as features read it: PCM-8 as it is, others as float32.

    Full scale is then [-1, 1].
    """
    if stored.dtype == np.int16:
        return stored / np.float32(32768)
    return stored if stored.dtype == np.int8 else stored.astype(np.float32, copy=False)


def level(y: np.ndarray, stored: np.ndarray) -> dict[str, float]:
    """Return peak and RMS of a waveform (full scale 1), and what storing it as PCM-8 cost.

    `snr_db`: signal to quantisation noise in dB; `clipped`: share of samples at the ends of the
    range. Both are given for int8 only; snr_db is 0 for silence.
    """
    power = float(np.mean(np.square(y, dtype=np.float64)))
    found = {"peak": float(np.abs(y).max()), "rms": power**0.5}
    if stored.dtype == np.int8:
        noise = float(np.mean(np.square(stored / 128.0 - y, dtype=np.float64)))
        found["snr_db"] = 10 * float(np.log10(power / noise)) if power and noise else 0.0
        found["clipped"] = float(np.mean((y * 128 > 127.5) | (y * 128 < -128.5)))
    return found
