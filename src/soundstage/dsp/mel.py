"""Mel power spectra and decibels, as librosa defines them."""

from functools import lru_cache
from typing import NamedTuple

import librosa
import numpy as np
import scipy

from soundstage import paged
from soundstage.dsp.lanes import WIDTH
from soundstage.dsp.power import Device, power_blocks
from soundstage.dsp.weigh import Weights, weigh, weights


class Bands(NamedTuple):
    """Slaney's triangles of equal area on the mel scale."""

    total: int
    empty: int  # how many hold no frequency bin
    weights: Weights


@lru_cache
def mel_bands(sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None) -> Bands:
    """Return the bands of `librosa.filters.mel`, which warns if some are empty."""
    bands = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    empty = int(np.sum(~bands.any(axis=1)))
    # `weigh` takes rows in fours.
    return Bands(n_mels, empty, weights(np.pad(bands, ((0, -n_mels % 4), (0, 0)))))


@lru_cache
def _hann(n: int) -> np.ndarray:
    return scipy.signal.get_window("hann", n).astype(np.float32)


def mel_power(
    y: np.ndarray, bands: Bands, *, n_fft: int, hop_length: int, device: Device = "cpu"
) -> np.ndarray:
    """Return the power in each band of frames centred on samples 0, hop_length, 2·hop_length ...

    Args:
        y: float32 (n,).
        bands: `mel_bands` of the same `n_fft`.
        n_fft: samples a frame, under a periodic Hann window; beyond the clip's ends are zeros.
        hop_length: samples from one frame to the next.
        device: where the frames are transformed.

    Returns:
        float32 (bands.total, 1 + n // hop_length).
    """
    frames = 1 + len(y) // hop_length
    S = paged.empty((bands.total, frames), np.float32)
    start = -(n_fft // 2)
    blocks = power_blocks(
        y, _hann(n_fft), start=start, hop=hop_length, frames=frames, device=device
    )
    for span, power in blocks:
        in_bands = np.empty((-(-bands.total // 4) * 4, power.shape[1]), np.float32)
        weigh(*bands.weights, _tiles(power), _tiles(in_bands))
        S[:, span] = in_bands[: bands.total, : span.stop - span.start]
        paged.release(S)
    return S


def _tiles(x: np.ndarray) -> np.ndarray:
    """View (rows, columns) as eight columns after eight columns: (columns / 8, rows, 8)."""
    return x.reshape(len(x), -1, WIDTH).swapaxes(0, 1)


def decibels(power: np.ndarray, top_db: float | None) -> np.ndarray:
    """Return 10 log10 of a float32 power, in place, at least -100 and at least maximum - top_db.

    By the natural logarithm, since that is the one that numpy vectorises.
    """
    greatest = np.float32(-np.inf)
    for some in paged.blocks(power):
        part = power[some]
        np.maximum(part, np.finfo(np.float32).tiny, out=part)
        np.log(part, out=part)
        part *= np.float32(10 / np.log(10))
        greatest = np.maximum(greatest, part.max())
    floor = -100.0 if top_db is None else max(-100.0, float(greatest - np.float32(top_db)))
    for some in paged.blocks(power):
        np.maximum(power[some], np.float32(floor), out=power[some])
    return power
