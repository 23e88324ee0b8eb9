"""Onsets and the autocorrelation of their rhythm, averaged over a clip."""

import numpy as np

from soundstage.dsp import fft
from soundstage.dsp.lanes import WIDTH, kernel, load, lower, spread, store, upper
from soundstage.dsp.stft import SPAN, frames


def onset_medians(levels: np.ndarray, n: int, delay: int) -> np.ndarray:
    """Return each frame's median rise over bands: `librosa.onset.onset_strength` by `np.median`.

    Args:
        levels: float32 (tiles, bands, 8), in dB; bands is a power of two.
        n: number of frames in the tiles.
        delay: frames by which the envelope is late, half a frame's length in hops.

    Returns:
        float32 (n,); falls count as 0.
    """
    rises = np.empty(len(levels) * WIDTH, np.float32)
    for first in range(0, len(levels), SPAN):
        some = levels[first : first + SPAN + 1]  # up to the frame after
        rows = np.zeros((levels.shape[1], (SPAN + 1) * WIDTH), np.float32)
        rows[:, : len(some) * WIDTH] = frames(some, len(some) * WIDTH)
        _median_rises(rows, rises[first * WIDTH : (first + SPAN) * WIDTH])
    # A rise belongs to the second of its two frames.
    return np.pad(rises[: n - 1], (1 + delay, 0))[:n]


@kernel
def _median_rises(levels: np.ndarray, out: np.ndarray) -> None:
    bands = len(levels)
    rises = np.empty((bands, WIDTH), np.float32)
    for first in range(0, len(out), WIDTH):
        for band in range(bands):
            rise = load(levels[band], first + 1) - load(levels[band], first)
            store(rises, band, upper(spread(0.0), rise))
        _sort(rises)
        middle = load(rises, bands // 2 - 1) + load(rises, bands // 2)
        store(out, first, middle * spread(0.5))


@kernel
def _order(rows: np.ndarray, i: int, j: int) -> None:
    a, b = load(rows, i), load(rows, j)
    store(rows, i, lower(a, b))
    store(rows, j, upper(a, b))


@kernel
def _sort(rows: np.ndarray) -> None:
    """Sort each lane, by Batcher's bitonic network."""
    size = 2
    while size <= len(rows):
        gap = size // 2
        for start in range(0, len(rows), size):
            for i in range(gap):  # the second half is read backwards
                _order(rows, start + i, start + size - 1 - i)
        gap //= 2
        while gap:
            for start in range(0, len(rows), 2 * gap):
                for i in range(start, start + gap):
                    _order(rows, i, i + gap)
            gap //= 2
        size *= 2


@kernel
def _windowed(
    x: np.ndarray, window: np.ndarray, frame: int, n_frames: int, out: np.ndarray
) -> None:
    """Write eight frames of `x`, a sample apart, windowed, to unit energy; none after n_frames."""
    energy = spread(0.0)
    for i in range(len(window)):
        value = load(x, frame + i) * spread(window[i])
        energy += value * value
        store(out, i, value)
    scale = np.empty(WIDTH, np.float32)
    store(scale, 0, energy)
    for lane in range(WIDTH):
        in_use = frame + lane < n_frames and scale[lane] > np.float32(1e-37)
        scale[lane] = 1 / np.sqrt(scale[lane]) if in_use else 0
    factor = load(scale, 0)
    for i in range(len(window)):
        store(out, i, load(out, i) * factor)
    for i in range(len(window), len(out)):
        store(out, i, spread(0.0))


@kernel
def _cut_pairs(
    x: np.ndarray, window: np.ndarray, n_frames: int, re: np.ndarray, im: np.ndarray
) -> None:
    for t in range(len(re)):
        _windowed(x, window, 2 * WIDTH * t, n_frames, re[t])
        _windowed(x, window, 2 * WIDTH * t + WIDTH, n_frames, im[t])


@kernel
def _add_power(re: np.ndarray, im: np.ndarray, total: np.ndarray) -> None:
    for t in range(len(re)):
        for k in range(len(total)):
            a, b = load(re[t], k), load(im[t], k)
            store(total, k, load(total, k) + (a * a + b * b))


def mean_autocorrelation(x: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Return the mean over time of `librosa.feature.tempogram`, from the mean power spectrum.

    The autocorrelation is the power spectrum's transform, so the mean of the ones is that of the
    others, and one inverse transform serves all frames. Each frame is scaled to energy 1, which
    is the tempogram's norm: no lag exceeds lag 0. Eight frames travel as real and eight as
    imaginary parts; the sum of the powers at k and -k is what counts, and it is theirs.

    Args:
        x: float32 (n,), onset strength.
        window: (lags,), the tempogram's.

    Returns:
        float64 (lags,).
    """
    lags, n = len(window), len(x)
    size = 1 << (2 * lags - 2).bit_length()
    half = lags // 2
    pairs = -(-n // (2 * WIDTH))
    padded = np.zeros(2 * WIDTH * pairs + lags, np.float32)
    ramped = np.pad(x, half, mode="linear_ramp")
    padded[: len(ramped)] = ramped
    total = np.zeros((size, WIDTH))
    re, im = np.empty((2, 4, size, WIDTH), np.float32)
    for first in range(0, pairs, len(re)):
        some = slice(0, min(len(re), pairs - first))
        start = 2 * WIDTH * first
        _cut_pairs(padded[start:], window.astype(np.float32), n - start, re[some], im[some])
        fft.fft(re[some], im[some], fft.turns(size))
        _add_power(re[some], im[some], total)
    power = total.sum(axis=1)[fft.order(size)]
    # No product of onsets is below zero, but rounding is.
    return np.maximum(np.fft.ifft(power).real[:lags] / n, 0)
