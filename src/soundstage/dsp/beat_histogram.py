"""Beat histogram: how strongly a track repeats itself at each tempo.

Tzanetakis and Cook 2002 ("Musical genre classification of audio signals", IEEE Transactions on
Speech and Audio Processing 10(5), section III.B).
"""

import numpy as np
import scipy

from soundstage.dsp.periodicity import autocorrelation, enhance, highest_peaks

# Low-pass half of Daubechies' wavelet of four coefficients ("DAUB4").
_ROOT = np.sqrt(3)
_LOW = np.array([1 + _ROOT, 3 + _ROOT, 3 - _ROOT, 1 - _ROOT]) / (4 * np.sqrt(2))
_HIGH = _LOW[::-1] * np.array([1, -1, 1, -1])
_SMOOTHING = 0.99  # of the envelope's one-pole filter, "alpha" in the source

COLUMNS = ("beat_a0", "beat_a1", "beat_ra", "beat_p1", "beat_p2", "beat_sum")


def beat_histogram(
    y: np.ndarray,
    sr: int,
    *,
    window: int,
    hop_length: int,
    octaves: int,
    n_peaks: int,
    bpm_min: int,
    bpm_max: int,
) -> np.ndarray:
    """Sum the highest peaks of the envelope's enhanced autocorrelation over a track's windows.

    A discrete wavelet transform splits the track into octave bands; each gives its envelope (full
    wave rectified, low-pass filtered, down to a common rate of sr / 2**octaves), and the
    envelopes are added. In each window the mean is taken off, the autocorrelation is enhanced,
    and its highest peaks add their heights to the bins of their tempi.

    Where the source is silent: the filter's constant is that of the full rate in each band (so
    that all bands are smoothed alike), and heights are relative to the mean square of the
    envelope before its mean was taken off, so that the level does not count and neither does the
    ripple of a steady tone; the sum over windows is divided by their number.

    Args:
        y: float32 (n,), at least one sample.
        sr: sample rate in Hz.
        window: samples of a window.
        hop_length: samples from one window to the next.
        octaves: detail bands of the wavelet transform; what lies below is one more band.
        n_peaks: peaks that each window adds.
        bpm_min: first bin, in beats per minute.
        bpm_max: last bin.

    Returns:
        float64 (bpm_max - bpm_min + 1,), a bin a beat per minute.
    """
    step = 2**octaves
    envelope = _envelope(y, octaves)
    width, hop = max(window // step, 4), max(hop_length // step, 1)
    envelope = np.pad(envelope, (0, max(width - envelope.size, 0)))
    x = np.lib.stride_tricks.sliding_window_view(envelope, width)[::hop]
    energy = np.sum(x**2, axis=1, keepdims=True)
    r = autocorrelation(x - x.mean(axis=1, keepdims=True))
    r = np.divide(r, energy, out=np.zeros_like(r), where=energy > 0)
    beats = 60 * sr / step  # a lag of one is this many beats per minute
    lags, heights = highest_peaks(enhance(r), n_peaks, beats / bpm_max, beats / bpm_min)
    found = heights > 0
    bins = np.rint(beats / lags[found]).astype(int).clip(bpm_min, bpm_max) - bpm_min
    return np.bincount(bins, heights[found], bpm_max - bpm_min + 1) / len(x)


def beat_features(histogram: np.ndarray, bpm_min: int, peak_distance: int) -> np.ndarray:
    """Describe a beat histogram by its two highest peaks.

    Args:
        histogram: float64 (bins,), the first at `bpm_min`, one a beat per minute.
        bpm_min: beats per minute of the first bin.
        peak_distance: least distance of two peaks in beats per minute; nearer ones are the same
            beat, a little unsteady.

    Returns:
        float64 (6,): A0 and A1, the heights of the highest and second peak over the sum of the
        histogram; RA, the second over the highest; P1 and P2, their beats per minute; SUM. All 0
        for what is not there.
    """
    A0 = A1 = RA = P1 = P2 = 0.0
    total = histogram.sum()
    # Zeros at the ends, so that the first and last bin can be peaks.
    peaks, _ = scipy.signal.find_peaks(np.pad(histogram, 1), distance=peak_distance)
    peaks = sorted(peaks - 1, key=lambda i: -histogram[i])[:2]
    if peaks:
        A0, P1 = histogram[peaks[0]] / total, bpm_min + peaks[0]
    if len(peaks) == 2:
        A1, P2 = histogram[peaks[1]] / total, bpm_min + peaks[1]
        RA = A1 / A0
    return np.array([A0, A1, RA, P1, P2, total])


def _envelope(y: np.ndarray, octaves: int) -> np.ndarray:
    """Return the sum of the octave bands' envelopes, at 1 / 2**octaves of the rate."""
    size = -(-y.size // 2**octaves)
    total = np.zeros(size)
    rest = y
    for octave in range(1, octaves + 1):
        detail = scipy.signal.upfirdn(_HIGH, rest, down=2)
        rest = scipy.signal.upfirdn(_LOW, rest, down=2)
        bands = (detail, rest) if octave == octaves else (detail,)
        pole = _SMOOTHING ** (2**octave)
        for band in bands:
            smooth = scipy.signal.lfilter([1 - pole], [1, -pole], np.abs(band))
            total += smooth[:: 2 ** (octaves - octave)][:size]
    return total
