"""Power spectra of overlapping frames, of any length and hop, a block of frames at a time."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import scipy

from soundstage import paged
from soundstage.dsp.fft import order, rfft, turns
from soundstage.dsp.lanes import WIDTH, kernel, load, store, transpose

Device = Literal["cpu", "cuda"]

_BLOCK = 2**17  # samples in a block's frames, so that its power (0.3 MB) stays in a core's cache
_CUDA_BLOCK = 2**24  # the same on a GPU, which is fast on many frames at once


@kernel
def windowed(
    y: np.ndarray, start: int, hop: int, window: np.ndarray, centre: bool, frames: np.ndarray
) -> None:
    """Cut windowed frames that begin at samples start, start + hop ...; beyond `y` are zeros.

    Args:
        y: int8 or float32 (samples,).
        start: may be negative.
        hop: samples from one frame to the next.
        window: float32 (n,).
        centre: subtract the mean of a frame first; for frames that lie wholly within `y`.
        frames: float32 (count, n), overwritten.
    """
    n = len(window)
    for t in range(len(frames)):
        first = start + t * hop
        begin = min(max(0, -first), n)
        end = max(begin, min(n, len(y) - first))
        frames[t, :begin] = 0
        frames[t, end:] = 0
        x, w, frame = y[first + begin : first + end], window[begin:end], frames[t, begin:end]
        mean = np.float32(x.sum() / n) if centre else np.float32(0)
        for i in range(len(frame)):
            frame[i] = (np.float32(x[i]) - mean) * w[i]


@kernel
def _transform(
    y: np.ndarray,
    start: int,
    hop: int,
    window: np.ndarray,
    centre: bool,
    order: np.ndarray,
    factors: np.ndarray,
    power: np.ndarray,
) -> None:
    """Fill `power` (n / 2 + 1, a multiple of 8); n is a power of two, at least 8."""
    n = len(window)
    frames = np.empty((WIDTH, n), np.float32)
    samples = np.empty((n, WIDTH), np.float32)
    spectra = np.empty((2, 1, n // 2 + 1, WIDTH), np.float32)
    # Views are made once: each costs as much as several rows of arithmetic.
    flat, pairs = frames.reshape(-1), samples.reshape((1, n // 2, 2, WIDTH))
    even, odd = pairs[:, :, 0], pairs[:, :, 1]
    re, im = spectra[0], spectra[1]
    real, imaginary = re[0], im[0]
    for t in range(0, power.shape[1], WIDTH):
        windowed(y, start + t * hop, hop, window, centre, frames)
        for i in range(0, n, WIDTH):
            transpose(flat, i, n, samples, i, 1)
        rfft(even, odd, order, factors, re, im)
        column = power[:, t:]
        for k in range(len(column)):
            a, b = load(real, k), load(imaginary, k)
            store(column, k, a * a + b * b)


def power_blocks(
    y: np.ndarray,
    window: np.ndarray,
    *,
    start: int,
    hop: int,
    frames: int,
    centre: bool = False,
    device: Device = "cpu",
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield |DFT(window · frame)|² of all frames, some at a time.

    Args:
        y, window, start, hop, centre: as `windowed` takes them. The window's length n is any;
            powers of two from 8 on are fast, others go to `scipy.fft` in double precision, which
            keeps lengths with large prime factors exact.
        frames: how many.
        device: where they are transformed; on a GPU in float32 for any n.

    Yields:
        a slice of range(frames), and float32 (n // 2 + 1, a multiple of 8), of which the first
        columns are those frames; overwritten by the next. A frame's numbers do not depend on
        other frames.
    """
    n = len(window)
    block = WIDTH * max(1, (_BLOCK if device == "cpu" else _CUDA_BLOCK) // (WIDTH * n))
    power = np.zeros((n // 2 + 1, min(block, -(-frames // WIDTH) * WIDTH)), np.float32)
    fast = device == "cpu" and n >= WIDTH and n & (n - 1) == 0
    tables = (order(n // 2), turns(n)) if fast else None
    for t in range(0, frames, block):
        count = min(block, frames - t)
        first = start + t * hop
        if tables:
            columns = power[:, : -(-count // WIDTH) * WIDTH]
            _transform(y, first, hop, window, centre, *tables, columns)
        else:
            cuts = np.empty((count, n), np.float32)
            windowed(y, first, hop, window, centre, cuts)
            power[:, :count] = _cuda_power(cuts) if device == "cuda" else _exact_power(cuts)
        paged.release(y)
        yield slice(t, t + count), power


def _exact_power(frames: np.ndarray) -> np.ndarray:
    spectra = scipy.fft.rfft(frames.astype(np.float64), workers=1)
    return (spectra.real**2 + spectra.imag**2).T


def _cuda_power(frames: np.ndarray) -> np.ndarray:
    from soundstage.dsp.cuda import frames_power  # imports torch, which takes seconds

    return frames_power(frames)
