"""Scores of a model's predictions, the same for every model and data set.

Conventions
-----------
- A prediction is one row a segment. A clip's probability is the mean over its segments (`clip`,
  the primary one), or its segments vote (`vote`, see `Predictions.votes`).
- Single-label: the class of the highest probability is chosen (of equal ones, the first), and
  accuracy is the share of right rows. Multi-label: tags of probability >= 0.5 are chosen, and
  accuracy is the mean over tags of the share of right rows.
- A class without positive rows has no score: its entry holds its support (0) and nothing else,
  and no macro mean counts it. ROC-AUC and the scores of the negative class also need negative
  rows. Precision and F1 of a class that occurs but is never chosen are 0 (``zero_division=0``).
- ROC-AUC is one class against the rest; area under the precision-recall curve is average
  precision, and of tags also the trapezoid ``pr_auc_trapezoid``, which paper 000 probably has.
  All are macro means over the classes that have them. A score that no class has is left out of
  the result.
- ``_macro`` is the mean over classes, ``_weighted`` that mean weighted by support, ``_micro`` is
  of all rows and classes pooled (single-label: all three are accuracy).
- ``top_k``: single-label, the class is among the k of highest probability, or of most votes.
- ``accuracy_ovr``: the mean over classes of the accuracy of each against the rest. It counts the
  true negatives, so C balanced classes give 1 - 2 (1 - accuracy) / C: never quote it alone.
- ``pos_``, ``neg_``, ``negpos_``: precision, recall and F1 of the positive class (macro, as
  above), with the negative class taken for the positive one (paper 000 prints these), and the
  mean of both (what paper 001's table seems to hold); macro means over classes.
- ``tuned``: multi-label clips with each tag's threshold from the validation part, see
  `thresholds.tuned`. Nothing is tuned on the clips that are scored.
- Intervals are 95 % percentile bootstrap intervals over groups (songs, artists): groups are drawn
  with replacement and each brings all its clips. The rules above hold within each resample; one
  in which a score is undefined is left out of that score's interval. With a single group there
  is nothing to resample, and the intervals are left out.
- Baseline ``majority`` always answers the most frequent training class (for tags: each tag's
  more frequent value). Baseline ``prior`` draws its answers by the training shares; its accuracy
  and F1 are expected values over draws, in closed form. Both rank all clips equally, so ROC-AUC
  is 0.5 and average precision is the class's share of the scored clips.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from soundstage.metrics.bootstrap import intervals, scorer
from soundstage.metrics.predictions import Predictions
from soundstage.metrics.scores import baselines, decisions, scores

__all__ = ["Predictions", "evaluate"]


def evaluate(
    predictions: Predictions,
    *,
    n_bootstrap: int,
    seed: int,
    top_k: Sequence[int] = (),
    vote_over: float = 0.0,
    thresholds: np.ndarray | None = None,
) -> dict[str, Any]:
    """All scores of ``predictions`` as a nested dictionary of floats (6 decimals) and counts.

    Keys: ``clip`` and ``segment`` (accuracy, precision_macro, ..., roc_auc, average_precision,
    ``class``), ``vote`` (without those of ranking), with ``thresholds`` (C,) also ``tuned``;
    ``clip.interval`` (low and high of accuracy, top_k, f1_macro, roc_auc, average_precision),
    ``vote.interval``, ``tuned.interval`` and ``segment.interval`` (without those of ranking);
    ``baseline.majority`` and ``baseline.prior``. The module's docstring defines each of them.
    Neither lists, nulls nor NaN occur.

    Raises ValueError if ``n_bootstrap`` is not positive.
    """
    if n_bootstrap < 1:
        raise ValueError(f"n_bootstrap must be positive, got {n_bootstrap}")

    def within(rows: Predictions, *, ranked: bool) -> dict[str, Any]:
        score = scorer(rows, top_k=top_k, ranked=ranked)
        return {"interval": intervals(score, rows.group, n_bootstrap=n_bootstrap, seed=seed)}

    clips, votes = predictions.clips(), predictions.votes(over=vote_over)
    result = {"clip": scores(clips, top_k=top_k) | within(clips, ranked=True)}
    result["vote"] = decisions(votes, top_k=top_k) | within(votes, ranked=False)
    if thresholds is not None:
        tuned = replace(clips, thresholds=thresholds)
        result["tuned"] = decisions(tuned) | within(tuned, ranked=False)
    result["segment"] = scores(predictions, top_k=top_k) | within(predictions, ranked=False)
    return _finished(result | {"baseline": baselines(clips)})


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
