"""Power in bands of a short-time spectrum, without ever holding the spectrum of a whole track."""

import librosa
import numpy as np
import scipy

_FRAMES = 256  # in one block: bounds memory, and a block stays in the processor's cache
_LEAST = 1e-7  # weight: -70 dB of a bin


def frames_of(y: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """View a track as frames centred on samples 0, hop_length, 2·hop_length ..., zeros beyond it.

    Args:
        y: float32 (n,), at least one sample.
        n_fft: samples a frame.
        hop_length: samples from one frame to the next.

    Returns:
        float32 (1 + n // hop_length, n_fft), a read-only view.
    """
    padded = np.pad(y, n_fft // 2 + n_fft % 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    return frames[: 1 + y.size // hop_length]


def band_power(y: np.ndarray, bank: np.ndarray, *, n_fft: int, hop_length: int) -> np.ndarray:
    """Sum the power spectrum of each frame under a bank of weights.

    Args:
        y: float32 (n,), full scale ±1, at least one sample.
        bank: float32 (bands, 1 + n_fft // 2), a weight for each frequency bin; below 1e-7
            it counts as 0.
        n_fft: samples a frame, Hann-weighted.
        hop_length: samples from one frame to the next.

    Returns:
        float32 (bands, 1 + n // hop_length): mean squares, 0.5 for a full-scale sine wave under a
        weight of 1 (Parseval's theorem, with the window's own power taken out).
    """
    frames = frames_of(y, n_fft, hop_length)
    window = librosa.filters.get_window("hann", n_fft).astype(np.float32)
    # Sparse, since most weights are 0, and since what a dense product rounds to would depend on
    # how many threads share it.
    weights = scipy.sparse.csr_array(np.where(bank >= _LEAST, bank, 0).astype(np.float32))
    weights *= np.float32(2 / (n_fft * np.sum(window.astype(np.float64) ** 2)))
    power = np.empty((len(bank), len(frames)), np.float32)
    for start in range(0, len(frames), _FRAMES):
        spectrum = scipy.fft.rfft(frames[start : start + _FRAMES] * window)
        power[:, start : start + _FRAMES] = weights @ (spectrum.real**2 + spectrum.imag**2).T
    return power


def decibels(power: np.ndarray, floor: float) -> np.ndarray:
    """Return 10 log10 of power, not below `floor` dB; 0 dB is a mean square of 1."""
    return 10 * np.log10(np.maximum(power, 10 ** (floor / 10)))
