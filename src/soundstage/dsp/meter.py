"""Time signature and bars from how strongly the beats are accented."""

from typing import NamedTuple

import numpy as np

# "Ranging from 3 to 7" (Echo Nest, Analyzer Documentation).
METERS = (3, 4, 5, 6, 7)
COMMON = 4  # where the accents say nothing
_ALIKE = 0.1  # deviation over mean: where a beat lies between two frames does as much
_NEARLY = 0.9  # a repetition this close to the best counts as equal, and the shorter bar is taken


class Meter(NamedTuple):
    """Beats a bar (0 without beats), its confidence, and the index of the first downbeat."""

    time_signature: int
    confidence: float
    downbeat: int


def find_meter(accents: np.ndarray) -> Meter:
    """Find the bar length with which accents repeat, and the beat that they fall on.

    The accents, less their mean, are correlated with themselves m beats later for every m of
    `METERS` that fits three times. The shortest m whose correlation is at least 0.9 of the best
    is the time signature, that correlation its confidence; the downbeat is the beat of the bar
    that is loudest on average.

    Args:
        accents: float (beats,), not negative, for instance onset strength at the beats.

    Returns:
        The meter; 4 with confidence 0 where the beats are too few or all alike, 0 without beats.
    """
    if not accents.size:
        return Meter(0, 0.0, 0)
    x = accents - accents.mean()
    if np.std(x) <= _ALIKE * accents.mean():
        return Meter(COMMON, 0.0, 0)
    r = {m: _correlation(x[:-m], x[m:]) for m in METERS if 3 * m <= x.size}
    best = max(r.values(), default=0.0)
    if best <= 0:
        return Meter(COMMON, 0.0, 0)
    meter = next(m for m in METERS if r[m] >= _NEARLY * best)
    means = [accents[phase::meter].mean() for phase in range(meter)]
    return Meter(meter, float(min(r[meter], 1.0)), int(np.argmax(means)))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    scale = np.sqrt(np.sum(a**2) * np.sum(b**2))
    return float(np.sum(a * b) / scale) if scale > 0 else 0.0
