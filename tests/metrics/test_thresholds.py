from dataclasses import replace

import numpy as np
import pytest
from answers import predictions, random_predictions
from sklearn.metrics import f1_score

from soundstage.metrics.thresholds import tuned


def test_no_other_threshold_has_a_higher_f1(rng):
    found = random_predictions(rng, 90, 4, skill=0.4, multi_label=True)
    found = replace(found, probability=found.probability.round(2))
    for c, threshold in enumerate(tuned(found)):
        truth, score = found.truth[:, c], found.probability[:, c]
        f1 = {t: f1_score(truth, score >= t) for t in np.unique(score)}
        assert f1_score(truth, score >= threshold) == pytest.approx(max(f1.values()))
        lowest = min(t for t, value in f1.items() if value > max(f1.values()) - 1e-9)
        below = max([0.0, *(t for t in f1 if t < lowest)])
        assert threshold == pytest.approx((lowest + below) / 2)


def test_a_tag_that_nobody_carries_keeps_a_half():
    found = predictions([[True, False], [False, False]], [[0.3, 0.9], [0.2, 0.1]])
    assert tuned(found).tolist() == [0.25, 0.5]


def test_a_tag_that_all_carry_has_a_threshold_below_them():
    assert tuned(predictions([[True, False]], [[0.3, 0.9]])).tolist() == [0.15, 0.5]


def test_tuning_raises_f1_of_rare_tags(rng):
    valid, test = (random_predictions(rng, 2000, 5, skill=0.7, multi_label=True) for _ in range(2))

    def shy(found):
        return replace(found, probability=found.probability / 3)

    at_half = f1_score(test.truth, shy(test).chosen, average="macro", zero_division=0)
    at_tuned = replace(shy(test), thresholds=tuned(shy(valid)))
    assert at_half < 0.05
    assert f1_score(test.truth, at_tuned.chosen, average="macro") > 0.5


def test_genres_have_no_thresholds(rng):
    with pytest.raises(ValueError, match="thresholds are of tags"):
        tuned(random_predictions(rng, 9, 3))
