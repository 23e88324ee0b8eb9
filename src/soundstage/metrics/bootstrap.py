"""Scores under many weightings of the rows at once, and the bootstrap intervals they give."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array

from soundstage.metrics.predictions import Predictions
from soundstage.metrics.scores import hits, mean_of_defined

PERCENTILES = (2.5, 97.5)  # of the resamples: the ends of a 95 % interval
DRAWS_AT_ONCE = 64  # resamples scored together: 64 x 5000 clips of float64 are 2.5 MB

Scores = dict[str, np.ndarray]
Scorer = Callable[[np.ndarray], Scores]


def intervals(score: Scorer, group: np.ndarray, *, n_bootstrap: int, seed: int) -> dict[str, dict]:
    """Return `{score: {"low", "high"}}` by resampling groups (n,); {} for a single group."""
    if len(np.unique(group)) < 2:
        return {}
    found = gathered(score, resamples(group, n_bootstrap=n_bootstrap, seed=seed))
    ends = {name: interval(values) for name, values in found.items()}
    return {name: {"low": low, "high": high} for name, (low, high) in ends.items()}


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of the 95 % interval of resampled scores; NaN where all are undefined."""
    defined = values[np.isfinite(values)]
    low, high = np.percentile(defined, PERCENTILES) if len(defined) else (np.nan, np.nan)
    return low, high


def resamples(group: np.ndarray, *, n_bootstrap: int, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks of weights (n, draws): how often each row is drawn, with its group."""
    groups, member = np.unique(group, return_inverse=True)
    rng = np.random.default_rng(seed)
    even = np.full(len(groups), 1 / len(groups))
    weight = rng.multinomial(len(groups), even, size=n_bootstrap).astype(np.float64)
    for start in range(0, n_bootstrap, DRAWS_AT_ONCE):
        yield weight[start : start + DRAWS_AT_ONCE].T[member]


def gathered(score: Scorer, blocks: Iterator[np.ndarray]) -> Scores:
    """Return the scores (all draws,) of blocks of weights."""
    found = [score(weight) for weight in blocks]
    return {name: np.concatenate([block[name] for block in found]) for name in found[0]}


def scorer(
    predictions: Predictions,
    *,
    top_k: Sequence[int] = (),
    order: np.ndarray | None = None,
    ranked: bool = True,
) -> Scorer:
    """Return a function from weights (n, draws) of whole numbers to scores (draws,).

    Scores are accuracy, top_k, f1_macro and, if `ranked`, roc_auc and average_precision; NaN where
    undefined. `order` (n, C) ranks the rows of each class, by default the probabilities.
    """
    truth, chosen = predictions.truth, predictions.chosen
    means = hits(predictions, top_k)
    order = predictions.probability if order is None else order
    ranks = [ranking(*pair) for pair in zip(truth.T, order.T, strict=True)] if ranked else []
    # Whole numbers below 2**53: these products are exact.
    carried, both = truth.T.astype(float), (truth & chosen).T.astype(float)
    either = carried + chosen.T

    def score(weight: np.ndarray) -> Scores:
        total = weight.sum(axis=0)
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN, which is meant
            found = {name: hit @ weight / total for name, hit in means.items()}
            f1 = 2 * (both @ weight) / (either @ weight)
        f1[carried @ weight == 0] = np.nan
        found["f1_macro"] = mean_of_defined(f1)
        if ranked:
            auc, average_precision = np.stack([rank(weight) for rank in ranks], axis=1)
            found["roc_auc"] = mean_of_defined(auc)
            found["average_precision"] = mean_of_defined(average_precision)
        return found

    return score


def ranking(truth: np.ndarray, score: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from weights of the rows to one class's ROC-AUC and average precision.

    Both are sums over the positive rows: a positive's precision is that of the rows scored at
    least as high, and its share of the ROC area is that of the negatives scored lower, with equal
    scores counted half. So weights are summed from one positive's score to the next.

    `truth` is (n,) bool, `score` (n,) float. The function takes (n, draws) float of whole numbers
    and returns (2, draws), NaN where a draw has no positive (for ROC-AUC: or no negative).
    """
    descending = np.argsort(-score, kind="stable")
    falling, positive = -score[descending], truth[descending]
    levels = np.unique(falling[positive])  # distinct scores of positives, the highest first
    level = np.searchsorted(levels, falling, side="left")  # of each row: the next at or below it
    equal = level < len(levels)
    equal[equal] = falling[equal] == levels[level[equal]]

    def sums(rows: np.ndarray) -> csr_array:
        """Return the matrix that sums the weights of some (n,) bool rows level by level."""
        start = np.searchsorted(level[rows], np.arange(len(levels) + 1))
        shape = len(levels), len(truth)
        return csr_array((np.ones(start[-1]), descending[rows], start), shape)

    every, positives, equals = sums(level < len(levels)), sums(positive), sums(equal)

    def ranked(weight: np.ndarray) -> np.ndarray:
        own = positives @ weight
        rows, hits = (every @ weight).cumsum(axis=0), own.cumsum(axis=0)
        n_positive = own.sum(axis=0)
        n_negative = weight.sum(axis=0) - n_positive
        not_higher = n_negative + (hits - own) - (rows - equals @ weight)
        lower = n_negative + hits - rows
        precision = hits / np.maximum(rows, 1)  # rows is 0 only where own is
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN, which is meant
            auc = (own * (lower + not_higher)).sum(axis=0) / (2 * n_positive * n_negative)
            return np.stack([auc, (own * precision).sum(axis=0) / n_positive])

    return ranked
