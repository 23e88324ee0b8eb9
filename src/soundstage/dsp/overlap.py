"""Overlapping frames out of a waveform and back into it, eight frames side by side.

The frames of a tile are its lanes: frame 8 t + l is lane l of tile t. A waveform of which eight
hops have been transposed holds sample j of eight frames in one vector, so cutting and adding
frames are loads and stores.
"""

import numpy as np

from soundstage.dsp.lanes import WIDTH, kernel, load, repeat, spread, store, transpose

# A block of 16 hops holds the 8 hops at which a tile's frames start and those they reach into.
_HOPS = 2 * WIDTH


@kernel
def cut(y: np.ndarray, window: np.ndarray, hop: int, even: np.ndarray, odd: np.ndarray) -> None:
    """Cut tiles of eight windowed frames.

    Args:
        y: float32 (at least 8 * (tiles + 1) * hop,).
        window: float32 (n,); n is a multiple of `hop`, at most 8 of them.
        hop: samples from one frame to the next, a multiple of 8.
        even: float32 (tiles, n / 2, 8); receives samples 0, 2, 4, ... of the frames.
        odd: as `even`; receives samples 1, 3, 5, ...
    """
    block = np.empty(_HOPS * hop, np.float32)
    for t in range(len(even)):
        for hops in range(0, _HOPS, WIDTH):
            for j in range(0, hop, WIDTH):
                transpose(y, (t * WIDTH + hops) * hop + j, hop, block, _HOPS * j + hops, _HOPS)
        for i in range(0, len(window), 2):
            lag, j = i // hop, i % hop
            sample = load(block, _HOPS * j + lag) * repeat(window, i)
            store(even[t], i // 2, sample)
            sample = load(block, _HOPS * (j + 1) + lag) * repeat(window, i + 1)
            store(odd[t], i // 2, sample)


@kernel
def add(
    even: np.ndarray,
    odd: np.ndarray,
    order: np.ndarray,
    window: np.ndarray,
    hop: int,
    carry: np.ndarray,
    y: np.ndarray,
) -> None:
    """Add tiles of windowed frames into a waveform, where they overlap.

    Args:
        even: float32 (tiles, n / 2, 8), samples 2 i of the frames in row `order[i]`.
        odd: as `even`, samples 2 i + 1.
        order: int64 (n / 2,).
        window: float32 (n,), with which the frames are multiplied.
        hop: samples from one frame to the next.
        carry: float32 (16 * hop,), zero before the first tile; what the frames so far add to the
            hops after `y`, for the next call.
        y: float32 (8 * tiles * hop,), overwritten.
    """
    for t in range(len(even)):
        for i in range(len(order)):
            row = order[i]
            lag, j = 2 * i // hop, 2 * i % hop
            at = _HOPS * j + lag
            store(carry, at, load(carry, at) + load(even[t], row) * spread(window[2 * i]))
            at += _HOPS
            store(carry, at, load(carry, at) + load(odd[t], row) * spread(window[2 * i + 1]))
        for j in range(0, hop, WIDTH):
            transpose(carry, _HOPS * j, _HOPS, y, t * WIDTH * hop + j, hop)
        for j in range(hop):
            store(carry, _HOPS * j, load(carry, _HOPS * j + WIDTH))
            store(carry, _HOPS * j + WIDTH, spread(0.0))


@kernel
def divide_by_windows(
    window: np.ndarray, hop: int, n_frames: int, start: int, y: np.ndarray
) -> None:
    """Divide `y`, made by `add`, by the sum of the squared windows that overlap at each sample.

    Args:
        window: float32 (n,), applied twice: by `cut` and by `add`.
        hop: samples from one frame to the next.
        n_frames: how many frames were added in all.
        start: how many hops come before `y`.
        y: float32 (hops * hop,), in place; samples that no frame reaches stay as they are.
    """
    overlap = len(window) // hop
    total = np.empty(hop, np.float32)
    for block in range(len(y) // hop):
        at = start + block
        first, last = max(0, at - n_frames + 1), min(overlap, at + 1)
        if block == 0 or at < overlap or first > 0:  # else the sum is that of the block before
            total[:] = 0
            for lag in range(first, last):
                for j in range(hop):
                    total[j] += window[lag * hop + j] ** 2
            for j in range(hop):
                if total[j] == 0:
                    total[j] = 1
        for j in range(hop):
            y[block * hop + j] /= total[j]
