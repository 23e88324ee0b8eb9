"""Mean and variance of a long float32 array, summed in float64 piece by piece."""

import numpy as np

from soundstage import paged
from soundstage.dsp.lanes import WIDTH, kernel, load, spread, store

_PIECE = 512  # so few float32 values are summed before float64 takes over
_BLOCK = 2048 * _PIECE  # values after which the memory of a mapped array is let go


@kernel
def _add(x: np.ndarray, centre: float, squared: bool, total: float) -> float:
    lanes = np.empty(WIDTH, np.float32)
    middle = spread(centre)
    whole = len(x) // WIDTH * WIDTH
    for first in range(0, whole, _PIECE):
        piece = spread(0.0)
        for i in range(first, min(first + _PIECE, whole), WIDTH):
            gaps = load(x, i) - middle
            piece += gaps * gaps if squared else gaps
        store(lanes, 0, piece)
        total += float(lanes.astype(np.float64).sum())
    for i in range(whole, len(x)):
        gap = float(x[i]) - centre
        total += gap * gap if squared else gap
    return total


def moments(x: np.ndarray) -> tuple[float, float]:
    """Return the mean and the population variance of an array, taken as float32."""
    x = np.ascontiguousarray(x, np.float32).reshape(-1)
    mean = _sum(x, 0.0, False) / x.size
    return mean, _sum(x, mean, True) / x.size


def _sum(x: np.ndarray, centre: float, squared: bool) -> float:
    total = 0.0
    for first in range(0, x.size, _BLOCK):
        total = _add(x[first : first + _BLOCK], centre, squared, total)
        paged.release(x)
    return total
