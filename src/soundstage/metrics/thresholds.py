"""From which probability on a tag is given: tuned on clips that neither trained nor test."""

import numpy as np
from sklearn.metrics import precision_recall_curve

from soundstage.metrics.predictions import THRESHOLD, Predictions


def tuned(valid: Predictions) -> np.ndarray:
    """Return each tag's threshold (C,) of the highest F1 along its precision-recall curve.

    Rows are clips of the validation part. A threshold lies halfway between the last probability
    that it lets in (of equal F1, the lowest) and the next one there, or 0: F1 on these clips is the
    same anywhere between. A tag that no row carries keeps 0.5.

    Raises ValueError for single-label predictions.
    """
    if not valid.multi_label:
        raise ValueError("thresholds are of tags: y_true is one class a row")
    found = np.full(len(valid.classes), THRESHOLD)
    for c, (truth, score) in enumerate(zip(valid.truth.T, valid.probability.T, strict=True)):
        if truth.any():
            precision, recall, threshold = precision_recall_curve(truth, score)
            precision, recall = precision[:-1], recall[:-1]  # the last point has no threshold
            f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
            best = f1.argmax()
            found[c] = (threshold[best] + np.r_[0, threshold][best]) / 2
    return found
