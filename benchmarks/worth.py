"""How much a leak is worth: differences of accuracies with intervals over pieces and artists."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import scipy


class Mean(NamedTuple):
    """An accuracy, its variance, of how many units that is, and how many clips were answered."""

    value: float
    variance: float
    units: int
    clips: int


def mean(rows: pl.DataFrame) -> Mean | None:
    """Return the share of right rows; None of fewer than two units.

    Parameters
    ----------
    rows: unit, right; a clip that is in several draws has several rows.

    The variance is that of a ratio of sums over units (linearised), as clips of a piece, and one
    clip in several draws, are no independent trials. For it a unit that is right and one that is
    wrong are added, as Agresti and Coull do: all right is not surely right.
    """
    sums = rows.group_by("unit").agg(right=pl.col("right").sum(), n=pl.len())
    if len(sums) < 2:
        return None
    right, n = sums["right"].to_numpy().astype(float), sums["n"].to_numpy().astype(float)
    value = right.sum() / n.sum()
    right, n = np.append(right, [n.mean(), 0]), np.append(n, [n.mean()] * 2)
    k, centre = len(n), right.sum() / n.sum()
    variance = k / (k - 1) * np.square(right - centre * n).sum() / n.sum() ** 2
    return Mean(value, variance, k, len(rows))


def difference(a: Mean, b: Mean) -> tuple[float, float, float]:
    """Return a - b and the ends of its 95 % interval (Welch's, with its degrees of freedom)."""
    d, variance = a.value - b.value, a.variance + b.variance
    freedom = variance**2 / sum(x.variance**2 / (x.units - 1) for x in (a, b))
    half = scipy.stats.t.ppf(0.975, freedom) * variance**0.5
    return d, max(d - half, -1.0), min(d + half, 1.0)


def rows(trials: Sequence[dict[str, Any]], part: str) -> pl.DataFrame:
    """Join the rows of one part of several trials."""
    return pl.concat(pl.DataFrame(trial[part]) for trial in trials)
