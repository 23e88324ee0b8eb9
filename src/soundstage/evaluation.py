"""Scores of a model's predictions, the same for every model and data set.

Conventions
-----------
- A prediction is one row a segment. A clip's probability is the mean over its segments.
- Single-label: the class of the highest probability is chosen (of equal ones, the first), and
  accuracy is the share of right rows. Multi-label: tags of probability >= 0.5 are chosen, and
  accuracy is the mean over tags of the share of right rows.
- A class without positive rows has no recall, ROC-AUC or average precision: its entry holds its
  support (0) and nothing else, and no macro mean counts it. ROC-AUC also needs negative rows.
  Precision and F1 of a class that occurs but is never chosen are 0 (``zero_division=0``).
- ROC-AUC is one class against the rest; area under the precision-recall curve is average
  precision. Both are macro means over the classes that have them. A score that no class has is
  left out of the result.
- Intervals are 95 % percentile bootstrap intervals over groups (songs, artists): groups are drawn
  with replacement and each brings all its clips. The rules above hold within each resample; one
  in which a score is undefined is left out of that score's interval. With a single group there
  is nothing to resample, and the intervals are left out.
- Baseline ``majority`` always answers the most frequent training class (for tags: each tag's
  more frequent value). Baseline ``prior`` draws its answers by the training shares; its accuracy
  and F1 are expected values over draws, in closed form. Both rank all clips equally, so ROC-AUC
  is 0.5 and average precision is the class's share of the scored clips.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import binom
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

THRESHOLD = 0.5  # of a tag's probability
PERCENTILES = (2.5, 97.5)  # of the resamples: the ends of a 95 % interval
DRAWS_AT_ONCE = 64  # resamples scored together: 64 x 5000 clips of float64 are 2.5 MB


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's probabilities beside the truth, one row a segment.

    Raises ValueError where what the comments say does not hold.
    """

    track: np.ndarray  # (n,) str
    segment: np.ndarray  # (n,) int: position within the track; (track, segment) is unique
    group: np.ndarray  # (n,) str: what is resampled as a whole; one for all segments of a track
    y_true: np.ndarray  # (n,) int class index, or (n, C) bool tags; one for a track's segments
    probability: np.ndarray  # (n, C) float in [0, 1]; single-label rows sum to 1
    classes: tuple[str, ...]  # C >= 2 distinct names
    train_shares: np.ndarray  # (C,) float: share of training clips that carry each class or tag

    def __post_init__(self) -> None:
        """Check shapes, ranges and that a track's segments agree."""
        n, C = len(self.track), len(self.classes)
        if n == 0:
            raise ValueError("no predictions: zero rows")
        shapes = [(n,), (n,), (n,), (n, C)[: 1 + self.multi_label], (n, C), (C,)]
        names = ("track", "segment", "group", "y_true", "probability", "train_shares")
        for name, shape in zip(names, shapes, strict=True):
            if (found := np.shape(getattr(self, name))) != shape:
                raise ValueError(f"{name} has shape {found}, expected {shape}")
        if len(set(self.classes)) < max(2, C):
            raise ValueError(f"two or more distinct classes expected, got {self.classes}")
        if self.y_true.dtype.kind not in ("b" if self.multi_label else "iu"):
            raise ValueError(f"y_true is {self.y_true.dtype}: class indices or bool tags expected")
        if not self.multi_label and not ((self.y_true >= 0) & (self.y_true < C)).all():
            raise ValueError(f"y_true has classes outside 0..{C - 1}")
        for name in ("probability", "train_shares"):
            values = getattr(self, name)
            if not np.isfinite(values).all():
                raise ValueError(f"{name} is not finite")
            if values.min() < 0 or values.max() > 1:
                raise ValueError(f"{name} is outside [0, 1] (were logits passed?)")
            if not self.multi_label and not np.allclose(values.sum(axis=-1), 1, atol=1e-3):
                raise ValueError(f"{name} does not sum to 1 over the classes")
        if len(set(zip(self.track.tolist(), self.segment.tolist(), strict=True))) < n:
            raise ValueError("a (track, segment) occurs twice")
        order, start = self._tracks()
        first = np.repeat(order[start], np.diff(start, append=n))
        for name in ("group", "y_true"):
            values = getattr(self, name)
            if (values[order] != values[first]).any():
                raise ValueError(f"segments of one track differ in {name}")

    @property
    def multi_label(self) -> bool:
        """Whether a row may carry several of the classes (tags)."""
        return self.y_true.ndim == 2

    @property
    def truth(self) -> np.ndarray:
        """(n, C) bool: which classes each row carries."""
        return self.y_true if self.multi_label else _one_hot(self.y_true, len(self.classes))

    @property
    def chosen(self) -> np.ndarray:
        """(n, C) bool: which classes the model says each row carries."""
        if self.multi_label:
            return self.probability >= THRESHOLD
        return _one_hot(self.probability.argmax(axis=1), len(self.classes))

    def clips(self) -> "Predictions":
        """One row a clip, sorted by track: the mean probability over its segments."""
        order, start = self._tracks()
        counts = np.diff(start, append=len(order))[:, None]
        first = order[start]
        return replace(
            self,
            track=self.track[first],
            segment=np.zeros(len(first), np.int64),
            group=self.group[first],
            y_true=self.y_true[first],
            probability=np.add.reduceat(self.probability[order], start, axis=0) / counts,
        )

    def _tracks(self) -> tuple[np.ndarray, np.ndarray]:
        """Row order by (track, segment), and where in it each track starts."""
        order = np.lexsort((self.segment, self.track))
        track = self.track[order]
        return order, np.flatnonzero(np.r_[True, track[1:] != track[:-1]])


def evaluate(predictions: Predictions, *, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """All scores of ``predictions`` as a nested dictionary of floats (6 decimals) and counts.

    Keys: ``clip`` and ``segment`` (accuracy, precision_macro, ..., roc_auc, average_precision,
    ``class``), ``clip.interval`` (low and high of accuracy, f1_macro, roc_auc,
    average_precision), ``baseline.majority`` and ``baseline.prior``. The module's docstring
    defines each of them. Neither lists, nulls nor NaN occur.

    Raises ValueError if ``n_bootstrap`` is not positive.
    """
    if n_bootstrap < 1:
        raise ValueError(f"n_bootstrap must be positive, got {n_bootstrap}")
    clips = predictions.clips()
    at_clip = scores(clips) | {"interval": intervals(clips, n_bootstrap=n_bootstrap, seed=seed)}
    at_segment = scores(predictions)
    return _finished({"clip": at_clip, "segment": at_segment, "baseline": baselines(clips)})


def scores(predictions: Predictions) -> dict[str, Any]:
    """Point estimates over the rows of ``predictions``; NaN where undefined."""
    truth, chosen, probability = predictions.truth, predictions.chosen, predictions.probability
    support = truth.sum(axis=0)
    C = range(len(support))
    counted = precision_recall_fscore_support(truth, chosen, average=None, zero_division=0)[:3]
    columns = {
        name: np.where(support > 0, values, np.nan)
        for name, values in zip(("precision", "recall", "f1"), counted, strict=True)
    }
    result: dict[str, Any] = {"accuracy": _right(predictions).mean()}
    for name, values in columns.items():
        result[f"{name}_macro"] = _mean_of_defined(values)
        result[f"{name}_weighted"] = np.nansum(values * support) / (support.sum() or np.nan)
    ranked = [_ranking(truth[:, c], probability[:, c]) for c in C]
    columns |= zip(("roc_auc", "average_precision"), np.array(ranked).T, strict=True)
    result |= {name: _mean_of_defined(columns[name]) for name in ("roc_auc", "average_precision")}
    result["class"] = {
        name: {"support": int(support[c])} | {key: values[c] for key, values in columns.items()}
        for c, name in enumerate(predictions.classes)
    }
    return result


def intervals(predictions: Predictions, *, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """``{score: {"low", "high"}}`` by resampling groups; {} for a single group."""
    groups, member = np.unique(predictions.group, return_inverse=True)
    if len(groups) < 2:
        return {}
    rng = np.random.default_rng(seed)
    even = np.full(len(groups), 1 / len(groups))
    weight = rng.multinomial(len(groups), even, size=n_bootstrap).astype(np.float64)
    blocks = [
        _weighted_scores(predictions, weight[start : start + DRAWS_AT_ONCE].T[member])
        for start in range(0, n_bootstrap, DRAWS_AT_ONCE)
    ]
    result = {}
    for name in blocks[0]:
        values = np.concatenate([block[name] for block in blocks])
        if len(values := values[np.isfinite(values)]):
            low, high = np.percentile(values, PERCENTILES)
            result[name] = {"low": low, "high": high}
    return result


def baselines(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Scores of the two answers that need no audio, on the rows of ``predictions``."""
    truth, shares = predictions.truth, predictions.train_shares
    n, C = truth.shape
    support = truth.sum(axis=0)
    occurring = support > 0
    most = shares > 0.5 if predictions.multi_label else np.arange(C) == shares.argmax()
    # Of k rows chosen at random k * support / n are expected to be right, whatever k is, so
    # E[F1] = sum over k of P(k) * 2 * (k * support / n) / (k + support), with k binomial.
    k = np.arange(n + 1)[:, None]
    f1_of_k = 2 * k * (support / n) / np.maximum(k + support, 1)
    result = {}
    for name, p in {"majority": most.astype(float), "prior": shares}.items():
        right = p * support / n  # share of the rows that carry the class and are told so
        if predictions.multi_label:
            right = (right + (1 - p) * (1 - support / n)) / C
        f1 = (binom.pmf(k, n, p) * f1_of_k).sum(axis=0)
        result[name] = {
            "accuracy": right.sum(),
            "f1_macro": _mean_of_defined(np.where(occurring, f1, np.nan)),
            # The scores are constant: ROC-AUC is 1/2 wherever it is defined.
            "roc_auc": 0.5 if (occurring & (support < n)).any() else np.nan,
            "average_precision": _mean_of_defined(np.where(occurring, support / n, np.nan)),
        }
    return result


@np.errstate(invalid="ignore")  # 0 / 0 is NaN, which is meant
def weighted_ranking(
    truth: np.ndarray, score: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """ROC-AUC and average precision of one class under many weightings of the rows at once.

    Both are sums over the positive rows, so one cumulative sum serves both: a positive's
    precision is that of the rows scored at least as high, and its share of the ROC area is that
    of the negatives scored lower, with equal scores counted half.

    ``truth`` is (n,) bool, ``score`` (n,) float, ``weight`` (n, draws) float of whole numbers.
    Returns two (draws,) arrays, NaN where a draw has no positive (for ROC-AUC: or no negative).
    """
    order = np.argsort(-score, kind="stable")
    falling, hit = -score[order], np.flatnonzero(truth[order])
    first = np.searchsorted(falling, falling[hit], side="left")  # rows scored higher
    last = np.searchsorted(falling, falling[hit], side="right")  # rows scored as high or higher
    own = weight[order[hit]]
    rows, hits = _cumulative(weight[order]), _cumulative(own)
    positives, negatives = hits[-1], rows[-1] - hits[-1]
    above = hits[np.searchsorted(hit, last)]
    lower = negatives - (rows[last] - above)
    equal_or_lower = negatives - (rows[first] - hits[np.searchsorted(hit, first)])
    auc = (own * (lower + equal_or_lower)).sum(axis=0) / (2 * positives * negatives)
    precision = above / np.maximum(rows[last], 1)  # rows[last] is 0 only where own is
    return auc, (own * precision).sum(axis=0) / positives


@np.errstate(invalid="ignore")
def _weighted_scores(predictions: Predictions, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Scores under each column of ``weight`` (n, draws), each (draws,); NaN where undefined."""
    truth, chosen, probability = predictions.truth, predictions.chosen, predictions.probability
    f1, auc, average_precision = np.empty((3, truth.shape[1], weight.shape[1]))
    for c, (true, said) in enumerate(zip(truth.T, chosen.T, strict=True)):
        positive = weight[true].sum(axis=0)
        f1[c] = 2 * weight[true & said].sum(axis=0) / (positive + weight[said].sum(axis=0))
        f1[c, positive == 0] = np.nan
        auc[c], average_precision[c] = weighted_ranking(true, probability[:, c], weight)
    return {
        "accuracy": (_right(predictions)[:, None] * weight).sum(axis=0) / weight.sum(axis=0),
        "f1_macro": _mean_of_defined(f1),
        "roc_auc": _mean_of_defined(auc),
        "average_precision": _mean_of_defined(average_precision),
    }


def _ranking(truth: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """ROC-AUC and average precision of one class, NaN where undefined."""
    return (
        roc_auc_score(truth, score) if truth.any() and not truth.all() else np.nan,
        average_precision_score(truth, score) if truth.any() else np.nan,
    )


def _right(predictions: Predictions) -> np.ndarray:
    """(n,) float: how right each row is: 0 or 1, or the share of its tags."""
    truth, chosen = predictions.truth, predictions.chosen
    if predictions.multi_label:
        return (truth == chosen).mean(axis=1)
    return (truth & chosen).any(axis=1).astype(float)


def _one_hot(index: np.ndarray, n_classes: int) -> np.ndarray:
    return index[:, None] == np.arange(n_classes)


def _cumulative(weight: np.ndarray) -> np.ndarray:
    """(n + 1, draws): sums of the first 0, 1, ..., n rows."""
    return np.pad(weight, ((1, 0), (0, 0))).cumsum(axis=0)


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the classes (axis 0) that are not NaN; NaN where all are."""
    return np.ma.filled(np.ma.masked_invalid(values).mean(axis=0), np.nan)


def _finished(tree: dict[str, Any]) -> dict[str, Any]:
    """Without undefined (NaN) scores and empty branches; the others with 6 decimals."""
    result: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            result |= {key: finished} if (finished := _finished(value)) else {}
        elif isinstance(value, int):
            result[key] = value
        elif not np.isnan(value):
            result[key] = round(float(value), 6)
    return result
