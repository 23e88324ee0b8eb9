"""What the values of a feature are like, overall and by class, as numbers that can be compared.

They are the pipeline's first look at drift: a feature that comes out otherwise than in another
commit (another decoder, library or parameter, other files) shows here before a model does.

The moments are of all values. The quantiles are of a sample in which no seed, order or number of
processes has a part: of a clip at most `A_CLIP` values, always at the same positions, and of a
class at most about `AT_MOST` values, all columns together, from the first clips in the order of
their content hashes, which are as good as any drawn at random.
"""

from typing import Any

import numpy as np
import polars as pl

from soundstage.progress import progress
from soundstage.store.read import Feature

QUANTILES = (5, 25, 50, 75, 95)  # in percent
A_CLIP = 1024
AT_MOST = 2**20

# Its multiples spread evenly over a clip and keep step with none of its axes.
_GOLDEN = (np.sqrt(5) - 1) / 2


def statistics(feature: Feature, tracks: pl.DataFrame) -> dict[str, Any]:
    """Return the statistics of a feature over the tracks of a data set.

    Parameters
    ----------
    tracks: key, genre and tags of `tracks.SCHEMA`. Classes are genres where any track has one,
    else tags.

    Returns
    -------
    What `metrics/features/<name>.json` holds:

    count, missing    tracks with and without a row
    not_finite        values that are NaN or infinite; the following are of all others
    mean, deviation   in the feature's unit; deviation is the square root of the variance over n
    quantile          percent -> value
    class             class -> the same of its tracks

    Where a feature has named columns, `column` holds not_finite, mean, deviation and quantile of
    each, and of a class there are only the means of the columns. An integer feature holds codes,
    whose mean says nothing: its values are the numbers of rows of its clips. Numbers of no values
    are left out; the others have six significant digits, so that the last bits of float32 do not
    show.
    """
    codes = np.issubdtype(feature.index["dtype"], np.integer)
    columns = [] if codes else list(feature.index["columns"])
    width = max(len(columns), 1)
    genres = pl.concat_list("genre").list.drop_nulls()
    classes = genres if tracks["genre"].count() else pl.col("tags")
    whole, by_class = _Tally(width), dict[str, _Tally]()
    tallies_of: dict[str, list[_Tally]] = {}
    for key, names in tracks.select("key", classes).iter_rows():
        tallies = [whole, *(by_class.setdefault(name, _Tally(width)) for name in names or [])]
        tallies_of.setdefault(key, []).extend(tallies)
        for tally in tallies:
            tally.tracks += 1

    with progress(f"{feature.index['name']}: statistics", len(feature), "clips") as bar:
        for shard in feature.shards():
            for key in shard.keys:
                tallies = tallies_of.get(key, [])
                if tallies:
                    array = shard.array(key)
                    rows = np.full((1, 1), len(array)) if codes else array.reshape(-1, width)
                    clip = _Clip(rows)
                    for tally in tallies:
                        tally.add(clip)
                bar.update()

    found = whole.counts()
    if columns:
        found["column"] = {
            name: {"not_finite": int(whole.not_finite[i]), **whole.numbers(i)}
            for i, name in enumerate(columns)
        }
    else:
        found |= whole.numbers(0)
    found["class"] = {
        name: tally.counts() | (tally.means(columns) if columns else tally.numbers(0))
        for name, tally in sorted(by_class.items())
    }
    return found


class _Clip:
    """What is kept of one clip, `values` (n, columns): moments by column, and a sample."""

    def __init__(self, values: np.ndarray) -> None:
        finite = np.isfinite(values)
        deviations = np.where(finite, values, 0).astype(np.float64)
        self.n = finite.sum(axis=0)
        self.mean = deviations.sum(axis=0) / np.maximum(self.n, 1)
        deviations -= self.mean  # in place: large arrays are slow to allocate, not to add
        deviations *= finite
        self.squares = np.einsum("ij,ij->j", deviations, deviations)
        self.not_finite = len(values) - self.n
        self.sample = values[_positions(len(values), max(A_CLIP // values.shape[1], 1))]


class _Tally:
    """The sum of some clips; arrays have an entry a column."""

    def __init__(self, width: int) -> None:
        self.tracks = self.count = 0
        self.n = np.zeros(width, np.int64)
        self.mean = np.zeros(width)
        self.squares = np.zeros(width)  # summed squared deviations from the mean
        self.not_finite = np.zeros(width, np.int64)
        self.samples: list[np.ndarray] = []
        self.sampled = 0

    def add(self, clip: _Clip) -> None:
        """Add a clip, by the pairwise formula of Chan, Golub and LeVeque (1983)."""
        n = np.maximum(self.n + clip.n, 1)
        step = clip.mean - self.mean
        self.squares += clip.squares + step**2 * self.n * clip.n / n
        self.mean += step * clip.n / n
        self.n += clip.n
        self.count += 1
        self.not_finite += clip.not_finite
        if self.sampled < AT_MOST:
            self.samples.append(clip.sample)
            self.sampled += clip.sample.size

    def counts(self) -> dict[str, Any]:
        """Return how many tracks have a row, how many have none, and what is not finite."""
        missing = self.tracks - self.count
        not_finite = int(self.not_finite.sum())
        return {"count": self.count, "missing": missing, "not_finite": not_finite}

    def numbers(self, i: int) -> dict[str, Any]:
        """Return mean, deviation and quantiles of column i; nothing where it has no values."""
        if not self.n[i]:
            return {}
        sample = np.concatenate([sample[:, i] for sample in self.samples])
        sample = sample[np.isfinite(sample)]
        found: dict[str, Any] = {
            "mean": _rounded(self.mean[i]),
            "deviation": _rounded(np.sqrt(self.squares[i] / self.n[i])),
        }
        if sample.size:
            values = np.quantile(sample.astype(np.float64), np.array(QUANTILES) / 100)
            named = zip(QUANTILES, values, strict=True)
            found["quantile"] = {f"{percent:02}": _rounded(value) for percent, value in named}
        return found

    def means(self, columns: list[str]) -> dict[str, Any]:
        """Return the mean of each column that has values."""
        known = [i for i, n in enumerate(self.n) if n]
        return {"mean": {columns[i]: _rounded(self.mean[i]) for i in known}}


def _positions(n: int, at_most: int) -> np.ndarray:
    """Return which of n values are in the sample, sorted."""
    if n <= at_most:
        return np.arange(n)
    return np.sort((np.arange(1, at_most + 1) * _GOLDEN % 1 * n).astype(np.int64))


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
