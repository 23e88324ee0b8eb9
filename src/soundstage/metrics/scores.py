"""Point estimates over the rows of some predictions; NaN where undefined.

`evaluation` says what each score means.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binom
from sklearn.metrics import (
    auc,
    average_precision_score,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
)

from soundstage.metrics.predictions import Predictions

COUNTED = ("precision", "recall", "f1")


def scores(predictions: Predictions, *, top_k: Sequence[int] = ()) -> dict[str, Any]:
    """Return all scores: those of decisions, and those of the probabilities' order."""
    truth, probability = predictions.truth, predictions.probability
    columns = {
        "roc_auc": [_roc_auc(*column) for column in zip(truth.T, probability.T, strict=True)],
        "average_precision": [
            average_precision_score(true, score) if true.any() else np.nan
            for true, score in zip(truth.T, probability.T, strict=True)
        ],
    }
    if predictions.multi_label:
        columns["pr_auc_trapezoid"] = [
            _trapezoid(*column) for column in zip(truth.T, probability.T, strict=True)
        ]
    result = decisions(predictions, top_k=top_k)
    classes = result.pop("class")
    for name, values in columns.items():
        result[name] = mean_of_defined(np.array(values))
        for entry, value in zip(classes.values(), values, strict=True):
            entry[name] = value
    return result | {"class": classes}


def decisions(predictions: Predictions, *, top_k: Sequence[int] = ()) -> dict[str, Any]:
    """Return the scores that need no more than what was chosen (and for top k, the order)."""
    truth, chosen = predictions.truth, predictions.chosen
    support = truth.sum(axis=0)
    columns = _by_class(truth, chosen)
    result: dict[str, Any] = {name: row.mean() for name, row in hits(predictions, top_k).items()}
    if not predictions.multi_label:
        result["accuracy_ovr"] = mean_of_defined(columns["accuracy"])
    pooled = precision_recall_fscore_support(truth, chosen, average="micro", zero_division=0)
    for name, micro in zip(COUNTED, pooled[:3], strict=True):
        values = columns[name]
        result[f"{name}_macro"] = mean_of_defined(values)
        result[f"{name}_weighted"] = np.nansum(values * support) / (support.sum() or np.nan)
        result[f"{name}_micro"] = micro if support.any() else np.nan
    for name in COUNTED:
        both = (columns[name] + columns[f"neg_{name}"]) / 2
        result[f"pos_{name}"] = result[f"{name}_macro"]
        result[f"neg_{name}"] = mean_of_defined(columns[f"neg_{name}"])
        result[f"negpos_{name}"] = mean_of_defined(both)
    shown = columns if predictions.multi_label else {name: columns[name] for name in COUNTED}
    if predictions.thresholds is not None:
        shown["threshold"] = np.where(support > 0, predictions.thresholds, np.nan)
    result["class"] = {
        name: {"support": int(support[c])} | {key: values[c] for key, values in shown.items()}
        for c, name in enumerate(predictions.classes)
    }
    return result


def hits(predictions: Predictions, top_k: Sequence[int] = ()) -> dict[str, np.ndarray]:
    """Return the scores that are means over rows: how right each row is, (n,) float in [0, 1].

    `accuracy`: 0 or 1, or the share of a row's tags. Single-label, for each `k` of `top_k` less
    than the number of classes, `top_k`: whether the class is among the k of highest probability.
    """
    truth, chosen, C = predictions.truth, predictions.chosen, len(predictions.classes)
    if predictions.multi_label:
        return {"accuracy": (truth == chosen).mean(axis=1)}
    # Of equal probabilities the first class is the higher, as it is for the choice.
    ranked = np.take_along_axis(
        truth, np.argsort(-predictions.probability, axis=1, kind="stable"), axis=1
    )
    among = {f"top_{k}": ranked[:, :k].any(axis=1) for k in top_k if k < C}
    return {
        name: hit.astype(float)
        for name, hit in ({"accuracy": (truth & chosen).any(axis=1)} | among).items()
    }


def baselines(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Return the scores of the two answers that need no audio."""
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
            "f1_macro": mean_of_defined(np.where(occurring, f1, np.nan)),
            # The scores are constant: ROC-AUC is 1/2 wherever it is defined.
            "roc_auc": 0.5 if (occurring & (support < n)).any() else np.nan,
            "average_precision": mean_of_defined(np.where(occurring, support / n, np.nan)),
        }
    return result


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean over the classes (axis 0) that are not NaN; NaN where all are."""
    return np.ma.filled(np.ma.masked_invalid(values).mean(axis=0), np.nan)


def _by_class(truth: np.ndarray, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Return (C,) columns: each class against the rest, both ways round; NaN where undefined."""
    support = truth.sum(axis=0)
    columns = {"accuracy": np.where(support > 0, (truth == chosen).mean(axis=0), np.nan)}
    defined = {"": support > 0, "neg_": (support > 0) & (support < len(truth))}
    for side, here in defined.items():
        pair = (~truth, ~chosen) if side else (truth, chosen)
        counted = precision_recall_fscore_support(*pair, average=None, zero_division=0)[:3]
        for name, values in zip(COUNTED, counted, strict=True):
            columns[side + name] = np.where(here, values, np.nan)
    return columns


def _roc_auc(truth: np.ndarray, score: np.ndarray) -> float:
    return roc_auc_score(truth, score) if truth.any() and not truth.all() else np.nan


def _trapezoid(truth: np.ndarray, score: np.ndarray) -> float:
    """Return the area under straight lines between the points of the precision-recall curve."""
    if not truth.any():
        return np.nan
    precision, recall, _ = precision_recall_curve(truth, score)
    return auc(recall, precision)
