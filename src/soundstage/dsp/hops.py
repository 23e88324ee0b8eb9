"""Root mean square and zero-crossing rate of overlapping frames, from one pass over the hops."""

import numpy as np

from soundstage import paged
from soundstage.dsp.lanes import WIDTH, kernel, load, spread, store, where_less

# What is no farther from zero counts as zero, and zero as positive: librosa's.
_ZERO = np.float32(1e-10)
_HOPS = 2048  # after which the memory of a mapped signal is let go


@kernel
def _sum_up(
    y: np.ndarray,
    hop: int,
    first: int,
    last: int,
    energies: np.ndarray,
    changes: np.ndarray,
    at_start: np.ndarray,
) -> None:
    """Sum squares and changes of sign (from the sample before) over hops `first` to `last`.

    `at_start` tells whether the first sample is such a change. Before `first` is a hop.
    """
    lanes = np.empty(WIDTH, np.float32)
    zero, one, edge = spread(0.0), spread(1.0), spread(-_ZERO)
    for block in range(first, last):
        energy = change = spread(0.0)
        for j in range(block * hop, (block + 1) * hop, WIDTH):
            x = load(y, j)
            energy += x * x
            step = where_less(x, edge, one, zero) - where_less(load(y, j - 1), edge, one, zero)
            change += step * step
        store(lanes, 0, energy)
        energies[block] = lanes.sum()
        store(lanes, 0, change)
        changes[block] = lanes.sum()
        at_start[block] = (y[block * hop] < -_ZERO) != (y[block * hop - 1] < -_ZERO)


def _sums(hops: np.ndarray, overlap: int, n_frames: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(hops, overlap)[:n_frames].sum(axis=1)


def rms_and_crossings(
    y: np.ndarray, n: int, n_fft: int, hop_length: int, n_frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames' root mean square and zero-crossing rate, each float64 (n_frames,).

    Args:
        y: float32, the signal after n_fft / 2 zeros, and zeros after it: frame i starts at sample
            i * hop_length. Other samples than zeros around it count in the root mean square; the
            crossings are wrong then.
        n: samples of the signal.
        n_fft: samples a frame, a multiple of twice the hop.
        hop_length: samples from one frame to the next, a multiple of 8.
        n_frames: number of frames.
    """
    n_hops = len(y) // hop_length
    energies, changes = np.zeros((2, n_hops))
    at_start = np.zeros(n_hops, np.bool_)
    for hop in range(1, n_hops, _HOPS):
        stop = min(hop + _HOPS, n_hops)
        _sum_up(y, hop_length, hop, stop, energies, changes, at_start)
        paged.release(y)
    energies[0] = np.square(y[:hop_length]).sum()
    overlap, first, last = n_fft // hop_length, n_fft // 2, n_fft // 2 + n
    # Around the signal librosa counts as if its first and last sample went on.
    changes[first // hop_length] -= y[first] < -_ZERO
    changes[last // hop_length] -= y[last - 1] < -_ZERO
    # A change at a frame's first sample is one from the frame before.
    starts = np.arange(n_frames) * hop_length
    at_start = at_start[:n_frames] & (first < starts) & (starts < last)
    rms = np.sqrt(_sums(energies, overlap, n_frames) / n_fft)
    return rms, (_sums(changes, overlap, n_frames) - at_start) / n_fft
