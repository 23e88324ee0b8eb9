"""Predictions of known skill, for tests of what is made of them."""

import numpy as np

from soundstage.metrics.predictions import Predictions


def predictions(y_true, probability, *, segments=1, groups=None, shares=None):
    """One clip a row, each with equal segments; classes a, b, c, ..."""
    y_true, probability = np.asarray(y_true), np.asarray(probability, float)
    n, C = probability.shape
    clips = np.array([f"clip{i:05d}" for i in range(n)])
    shares = np.full(C, 1 / C) if shares is None else np.asarray(shares)
    return Predictions(
        track=np.repeat(clips, segments),
        segment=np.tile(np.arange(segments), n),
        group=np.repeat(clips if groups is None else np.asarray(groups), segments),
        y_true=np.repeat(y_true, segments, axis=0),
        probability=np.repeat(probability, segments, axis=0),
        classes=tuple("abcdefghij"[:C]),
        train_shares=shares,
    )


def random_predictions(rng, n, C, *, skill=0.0, multi_label=False, segments=1, groups=None):
    logits = rng.normal(size=(n, C))
    if multi_label:
        y_true = rng.random((n, C)) < 0.3
        probability = 1 / (1 + np.exp(-logits - skill * (2 * y_true - 1)))
    else:
        y_true = rng.permutation(np.arange(n) % C)
        logits[np.arange(n), y_true] += skill
        probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return predictions(y_true, probability, segments=segments, groups=groups)
