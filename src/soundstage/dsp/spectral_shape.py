"""Shape of a power spectrum: centroid, bandwidth, roll-off and peak of eight frames at a time."""

import numpy as np

from soundstage.dsp.lanes import WIDTH, kernel, load, root, spread, store, upper, where_less

# Where the spectrum's sum is below the least normal float32, librosa does not divide by it.
_TINY = np.float32(np.finfo(np.float32).tiny)


@kernel
def spectral_shape(power: np.ndarray, n_bins: int, share: float, out: np.ndarray) -> None:
    """Describe each frame's spectrum, in bins.

    Args:
        power: float32 (tiles, at least n_bins, 8), power; magnitude is its root.
        n_bins: bins of the spectrum, 0 Hz included.
        share: of the summed magnitude, for the roll-off.
        out: float32 (tiles, 4, 8); receives the magnitude's centroid, its bandwidth (deviation
            from the centroid), its roll-off (first bin up to which the sum reaches `share`), and
            the greatest power. In silence they are 0.
    """
    magnitude = np.empty((n_bins, WIDTH), np.float32)
    one = spread(1.0)
    for t in range(len(power)):
        total = moment = peak = spread(0.0)
        for k in range(n_bins):
            p = load(power[t], k)
            peak = upper(peak, p)
            s = root(p)
            store(magnitude, k, s)
            total += s
            moment += s * spread(k)
        norm = where_less(total, spread(_TINY), one, total)
        centroid = moment / norm
        threshold = total * spread(share)
        so_far = below = spread_sum = spread(0.0)
        for k in range(n_bins):
            s = load(magnitude, k)
            so_far += s
            below += where_less(so_far, threshold, one, spread(0.0))
            gap = spread(k) - centroid
            spread_sum += s * (gap * gap)
        store(out[t], 0, centroid)
        store(out[t], 1, root(spread_sum / norm))
        store(out[t], 2, below)
        store(out[t], 3, peak)
