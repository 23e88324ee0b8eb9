"""Which periods a signal repeats with: enhanced autocorrelation and its peaks.

The autocorrelation of anything with period T peaks at 2T, 3T, ... as well. Enhancing it (Tolonen
and Karjalainen 2000, "A computationally efficient multipitch analysis model", IEEE TSAP 8(6))
keeps its positive part and subtracts from that a copy of itself stretched to twice the length,
which takes out the peak at lag 0 and those at even multiples.
"""

import numpy as np
import scipy


def autocorrelation(x: np.ndarray, *, compression: float = 2.0) -> np.ndarray:
    """Autocorrelate rows: the inverse transform of |spectrum| ** compression.

    Args:
        x: float (rows, n).
        compression: 2 gives the ordinary sum over n of x[n] x[n + lag]; less flattens the
            spectrum first, which sharpens the peaks.

    Returns:
        float (rows, n), the values at lags 0 to n - 1.
    """
    n = x.shape[-1]
    size = scipy.fft.next_fast_len(2 * n, real=True)  # twice the length: no wrapping round
    spectrum = np.abs(scipy.fft.rfft(x, size)) ** compression
    return scipy.fft.irfft(spectrum, size)[..., :n]


def enhance(r: np.ndarray) -> np.ndarray:
    """Remove lag 0 and even multiples from autocorrelations: float (rows, lags), any scale."""
    positive = np.maximum(r, 0)
    lags = positive.shape[-1]
    stretched = np.empty_like(positive)
    stretched[..., ::2] = positive[..., : (lags + 1) // 2]
    between = positive[..., : lags // 2 + 1]
    stretched[..., 1::2] = ((between[..., :-1] + between[..., 1:]) / 2)[..., : lags // 2]
    return np.maximum(positive - stretched, 0)


def highest_peaks(
    r: np.ndarray, count: int, shortest: float, longest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the `count` highest local maxima of each row between two lags.

    Args:
        r: float (rows, lags), not negative.
        count: peaks a row.
        shortest: least lag of a peak, down to the whole lag below it.
        longest: greatest lag of a peak, up to the whole lag above it.

    Returns:
        The lags, between samples by a parabola through three values, and the heights, both
        float64 (rows, count), highest first. A row with fewer maxima has height 0 for the rest.
    """
    lags = np.zeros((len(r), count))
    heights = np.zeros((len(r), count))
    left, middle, right = r[:, :-2], r[:, 1:-1], r[:, 2:]
    place = np.arange(1, r.shape[-1] - 1)
    inside = (place >= np.floor(shortest)) & (place <= np.ceil(longest))
    is_peak = (middle > left) & (middle >= right) & inside
    candidates = np.where(is_peak, middle, 0)
    order = np.argsort(-candidates, axis=-1, kind="stable")[:, :count]
    found = order.shape[1]
    heights[:, :found] = np.take_along_axis(candidates, order, axis=-1)
    a, b, c = (np.take_along_axis(side, order, axis=-1) for side in (left, middle, right))
    curvature = a - 2 * b + c
    offset = np.divide((a - c) / 2, curvature, out=np.zeros_like(b), where=curvature < 0)
    lags[:, :found] = order + 1 + offset
    return lags, heights
