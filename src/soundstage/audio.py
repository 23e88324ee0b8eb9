"""Files to mono waveforms: ffmpeg's decoding, resampled, then the plain mean of the channels.

The ffmpeg binary is the definition. Common files without fault are decoded in this process, to
the same samples (`soundstage.libav`); about all others, and before any file is refused, the
binary is asked. What ffmpeg is known to read wrongly, or not at all, libsndfile decodes
(`soundstage.libsndfile`); of other files of its containers both must say the same. Where in a file
the audio lies, and what is around it, is looked at first (`soundstage.layout`).

Untrusted files are decoded under limits: only containers that hold audio themselves are opened (a
playlist named `.mp3` would make ffmpeg open whatever it lists), for a bounded time, to a bounded
size. What cannot be decoded is `RejectedAudioError` with a reason code.
"""

import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import imageio_ffmpeg
import numpy as np

from soundstage import binary, chunks, layout, libav, libsndfile, paged, scratch
from soundstage.binary import Decoded, Limits, RejectedAudioError
from soundstage.errors import SoundstageError
from soundstage.layout import Layout
from soundstage.libsndfile import Claim

# What is worth knowing of a file that is accepted; `diagnostics` says what each means.
WARNINGS = "truncated", "damaged", "trailing", "joined", "silent", "antiphase", "too_loud"

_SILENCE = 2**-16  # of full scale: below half a step of 16 bits
_CANCELLED = 0.01  # the mean's peak by the channels' peak: 40 dB below
_LOUD = 2.0  # times full scale: no coder's overshoot goes so far


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
        With one of the reasons that `diagnostics.REFUSALS` lists.
    """
    if not path.is_file():
        raise RejectedAudioError("not_a_file", "is a folder, a FIFO, a device, or gone")
    found = layout.look(path)
    with layout.readable(path, found) as whole:
        return _decode(whole, found, sr, limits)


def _decode(path: Path, found: Layout, sr: int, limits: Limits) -> Clip:
    """Decode the one file in which a file's audio lies: by ffmpeg, where libsndfile agrees."""
    opened = found.container in libsndfile.CONTAINERS and found.container in limits.formats
    claim = libsndfile.claim(path) if opened else None
    if found.big_endian and not claim:
        raise RejectedAudioError("undecodable", "is big-endian, and libsndfile does not open it")
    if claim and claim.ambiguous:
        raise RejectedAudioError("disagree", f"is {claim.subtype}, which is written in two ways")
    if claim and claim.alone:
        contradicts = claim.contradicts(found.frame)
        if contradicts:
            raise RejectedAudioError("disagree", contradicts)
        return _clip(_by_libsndfile(path, claim, sr, limits), sr, limits, found.warnings)
    if limits.in_process:
        with suppress(libav.DoubtfulError, RejectedAudioError):  # then the binary's verdict counts
            decoded = _settled(path, found, claim, _in_process(path, sr, limits), sr, limits)
            return _clip(decoded, sr, limits, found.warnings)
    try:
        decoded = binary.decode(path, sr, limits)
    except binary.UnopenedError:
        if not claim:
            raise
        decoded = _by_libsndfile(path, claim, sr, limits)
    else:
        decoded = _settled(path, found, claim, decoded, sr, limits)
    return _clip(decoded, sr, limits, found.warnings)


def _in_process(path: Path, sr: int, limits: Limits) -> Decoded:
    return libav.decode(
        path,
        sr,
        max_seconds=limits.max_seconds,
        max_bytes=limits.max_bytes,
        rates=(limits.min_rate, limits.max_rate),
        timeout_seconds=limits.timeout_seconds,
        formats=limits.formats,
    )


def _by_ffmpeg(path: Path, sr: int, limits: Limits) -> Decoded:
    if limits.in_process:
        with suppress(libav.DoubtfulError):
            return _in_process(path, sr, limits)
    return binary.decode(path, sr, limits)


def _by_libsndfile(path: Path, claim: Claim, sr: int, limits: Limits) -> Decoded:
    """Decode a file by libsndfile, and resample what it gives as all files are."""
    seconds = min(limits.max_seconds, limits.max_bytes / (4 * claim.channels * sr))
    with scratch.folder() as folder:
        decoded, within = folder / "decoded.wav", replace(limits, formats=("wav",))
        frames, timeout = int(seconds * claim.rate) + 1, limits.timeout_seconds
        libsndfile.decode(path, decoded, max_frames=frames, timeout_seconds=timeout)
        return _by_ffmpeg(decoded, sr, within)


def _settled(
    path: Path, found: Layout, claim: Claim | None, decoded: Decoded, sr: int, limits: Limits
) -> Decoded:
    """Return what ffmpeg has decoded, or what libsndfile does where that is known to be right.

    Raises
    ------
    RejectedAudioError
        `more_audio`; `disagree`, where rate or channels differ, or a header contradicts itself.
    """
    n, channels = decoded.samples.shape
    if channels > limits.max_channels or n > limits.max_seconds * sr:
        return decoded  # which is refused for that
    if found.first_frame and decoded.container == "mp3":
        late = Layout("", 0, parts=((found.first_frame, path.stat().st_size),))
        with layout.readable(path, late) as copy:
            return _settled(copy, late, None, _by_ffmpeg(copy, sr, limits), sr, limits)
    if found.container not in chunks.CONTAINERS and (decoded.noise or decoded.codec != "mp3"):
        # Of two FLAC files ffmpeg reads both, but for some of what is between them.
        more = not claim or (n - 2) / sr > claim.frames / claim.rate
        known = 0 if more and found.container == "flac" else decoded.read_to
        layout.check_behind(path, found, decoded.codec, known)
    same = claim.takes_for(decoded.codec) if claim else None
    if claim is None or same is None:
        return decoded
    differs = claim.differs(decoded.rate, channels) or claim.contradicts(found.frame)
    if differs:
        raise RejectedAudioError("disagree", differs)
    longer = claim.frames / claim.rate - n / sr > 2 / claim.rate + 2 / sr
    if same and not longer and found.container in chunks.CONTAINERS:
        return decoded._replace(warnings=decoded.warnings - {"truncated"})  # `found` knows better
    if same and decoded.noise:  # libsndfile would decode what is damaged as if it were not
        return decoded._replace(warnings=decoded.warnings | {"damaged"}) if longer else decoded
    if same and not longer:
        return decoded
    try:
        other = _by_libsndfile(path, claim, sr, limits)
    except RejectedAudioError:
        if same:
            return decoded
        raise
    return decoded if same and len(other.samples) <= n + 2 else other


def _clip(decoded: Decoded, sr: int, limits: Limits, known: frozenset[str]) -> Clip:
    """Take the mean of the channels; refuse what is no clip, and warn of what is odd."""
    samples = decoded.samples
    n, channels = samples.shape
    if channels > limits.max_channels:
        raise RejectedAudioError("channels", f"has {channels} channels")
    if n == 0:
        raise RejectedAudioError("empty", "holds no samples")
    if n > limits.max_seconds * sr:
        raise RejectedAudioError("too_long", f"is longer than {limits.max_seconds:g} s")
    if n < limits.min_seconds * sr:
        raise RejectedAudioError("too_short", f"is shorter than {limits.min_seconds:g} s")
    high, low = _extremes(samples)
    loudest = max(float(high.max()), -float(low.min()))
    if np.isfinite(loudest) and loudest > limits.max_peak:
        raise RejectedAudioError(
            "out_of_scale",
            f"has a peak of {loudest:g} times full scale; so do integers that are stored as floats",
        )
    y = paged.empty((n,), np.float32)
    for some in paged.blocks(samples):
        with np.errstate(over="ignore", invalid="ignore"):
            y[some] = samples[some, 0] if channels == 1 else samples[some].mean(1, np.float32)
        if not np.isfinite(y[some]).all():
            raise RejectedAudioError("not_finite", "holds samples that are no numbers")
        paged.release(y)
    found = set(decoded.warnings | known)
    if loudest > _LOUD:
        found.add("too_loud")
    if loudest < _SILENCE or float((high - low).max()) < _SILENCE:
        if limits.silence == "quarantine":
            raise RejectedAudioError("silent", "is digital silence, or constant")
        found.add("silent")
    elif channels > 1 and _peak(y) < _CANCELLED * loudest:
        found.add("antiphase")
    return Clip(y, channels, frozenset(found))


def _extremes(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the greatest and the least sample of each channel."""
    ends = [
        (samples[some].max(axis=0), samples[some].min(axis=0)) for some in paged.blocks(samples)
    ]
    highs, lows = zip(*ends, strict=True)
    return np.max(highs, axis=0), np.min(lows, axis=0)


def _peak(y: np.ndarray) -> float:
    return max(float(np.abs(y[some]).max()) for some in paged.blocks(y))


# The unit of a stored waveform, by dtype.
UNITS = {
    "int8": "1/128 of full scale",
    "int16": "1/32768 of full scale",
    "float16": "full scale",
    "float32": "full scale",
}


def quantise(y: np.ndarray, dtype: str) -> np.ndarray:
    """Return a waveform in the store's dtype.

    `int8` is PCM-8 (paper 000, sections 3.1.2 and 3.2.1, which state no rounding):
    clip(round(128 y), -128, 127), halves to even.
    `int16` is the same with 32768 y and its own range. `float16` takes the nearest of its finite
    numbers, so beyond +-65504 it clips too. `float32` is y itself.

    Raises
    ------
    ValueError
        Another dtype.
    """
    if dtype not in UNITS:
        raise ValueError(f"dtype {dtype!r}: a waveform is int8, int16, float16 or float32")
    stored = paged.empty(y.shape, dtype)
    whole = dtype in ("int8", "int16")
    ends = np.iinfo(dtype) if whole else np.finfo(dtype)
    for some in paged.blocks(y):
        values = np.rint(y[some] * -float(ends.min)) if whole else y[some]
        stored[some] = np.clip(values, ends.min, ends.max).astype(dtype)
        paged.release(stored)
    return stored


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
    if stored.dtype in (np.int8, np.float32):
        return stored
    y = paged.empty(stored.shape, np.float32)
    scale = np.float32(32768 if stored.dtype == np.int16 else 1)
    for some in paged.blocks(stored):
        np.divide(stored[some], scale, out=y[some])
        paged.release(y)
    return y


def level(y: np.ndarray, stored: np.ndarray) -> dict[str, float]:
    """Return peak and RMS of a waveform (full scale 1), and what lies beyond that.

    `clipped`: share of samples beyond full scale, for int8 by more than half a step. `snr_db`, for
    int8 only: signal to quantisation noise in dB; 0 for silence.
    """
    n = len(y)
    power = _total(y, lambda some: np.square(y[some], dtype=np.float64)) / n
    found = {"peak": _peak(y), "rms": power**0.5}
    if stored.dtype != np.int8:
        return found | {"clipped": _total(y, lambda some: np.abs(y[some]) > 1) / n}

    def noise(some: slice) -> np.ndarray:
        return np.square(stored[some] / 128.0 - y[some], dtype=np.float64)

    def clipped(some: slice) -> np.ndarray:
        scaled = y[some] * 128
        return (scaled > 127.5) | (scaled < -128.5)

    lost = _total(y, noise) / n
    found["clipped"] = _total(y, clipped) / n
    found["snr_db"] = 10 * float(np.log10(power / lost)) if power and lost else 0.0
    return found


def _total(y: np.ndarray, values: Callable[[slice], np.ndarray]) -> float:
    """Sum values of all of a waveform, whose temporary arrays are small.

    The halves are those in which numpy sums a whole array, so the last digit is as of that.
    """

    def add(start: int, stop: int) -> float:
        n = stop - start
        if n <= paged.BLOCK:
            total = float(values(slice(start, stop)).sum(dtype=np.float64))
            paged.release(y)
            return total
        middle = start + n // 2 - n // 2 % 8
        return add(start, middle) + add(middle, stop)

    return add(0, len(y))
