"""Several runs that differ by their seed: mean and deviation of each score."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

SAME = ("model", "dataset", "split", "target")  # what runs must share to be averaged
SCHEMA = {"score": pl.String, "mean": pl.Float64, "sd": pl.Float64, "n": pl.Int64}


def summary(metrics: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return a row a number of the given `metrics/test.json` objects, in the order of the first.

    Columns: score (dotted, e.g. "clip.accuracy"), mean, sd (of the sample, n - 1; null for a
    single run), n (how many of the runs have it: an undefined score is left out of a file).

    Raises ValueError without runs, or if they are of another model, data set, split or target.
    """
    if not metrics:
        raise ValueError("no metrics: zero runs")
    for name in SAME:
        if len(found := {str(run.get(name)) for run in metrics}) > 1:
            raise ValueError(f"runs of another {name} have no mean: {', '.join(sorted(found))}")
    values: dict[str, list[float]] = {}
    for run in metrics:
        for key, value in _numbers(run):
            values.setdefault(key, []).append(value)
    rows = [
        (key, np.mean(of), np.std(of, ddof=1) if len(of) > 1 else None, len(of))
        for key, of in values.items()
    ]
    return pl.DataFrame(rows, SCHEMA, orient="row")


def _numbers(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{above}{key}.")
        elif isinstance(value, int | float):
            yield f"{above}{key}", float(value)
