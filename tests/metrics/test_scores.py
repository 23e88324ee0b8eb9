from dataclasses import replace

import numpy as np
import pytest
from answers import predictions, random_predictions
from sklearn.dummy import DummyClassifier
from sklearn.metrics import (
    accuracy_score,
    auc,
    f1_score,
    precision_recall_curve,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from soundstage.metrics.scores import baselines, decisions, scores

PRF = ("precision", "recall", "f1")


@pytest.mark.parametrize("multi_label", [False, True])
def test_both_sides_of_each_class_agree_with_scikit_learn(rng, multi_label):
    found = random_predictions(rng, 150, 4, skill=0.7, multi_label=multi_label)
    said = scores(found)
    sides = {"pos": [], "neg": [], "negpos": []}
    for truth, chosen in zip(found.truth.T, found.chosen.T, strict=True):
        negative, positive = np.array(precision_recall_fscore_support(truth, chosen)[:3]).T
        sides["pos"].append(positive)
        sides["neg"].append(negative)
        sides["negpos"].append(precision_recall_fscore_support(truth, chosen, average="macro")[:3])
    for side, values in sides.items():
        for name, expected in zip(PRF, np.mean(values, axis=0), strict=True):
            assert said[f"{side}_{name}"] == pytest.approx(expected)
    if multi_label:
        for c, entry in enumerate(said["class"].values()):
            for name, expected in zip(PRF, sides["neg"][c], strict=True):
                assert entry[f"neg_{name}"] == pytest.approx(expected)
            right = accuracy_score(found.truth[:, c], found.chosen[:, c])
            assert entry["accuracy"] == pytest.approx(right)


@pytest.mark.parametrize("multi_label", [False, True])
def test_micro_agrees_with_scikit_learn(rng, multi_label):
    found = random_predictions(rng, 150, 4, skill=0.7, multi_label=multi_label)
    said = decisions(found)
    expected = precision_recall_fscore_support(found.truth, found.chosen, average="micro")
    for name, value in zip(PRF, expected[:3], strict=True):
        assert said[f"{name}_micro"] == pytest.approx(value)
    if not multi_label:
        assert said["f1_micro"] == pytest.approx(said["accuracy"])


@pytest.mark.parametrize("C", [3, 8])
def test_one_vs_rest_readings_of_a_balanced_set(rng, C):
    """SPEC of paper 001: both follow from accuracy where the classes are balanced."""
    found = random_predictions(rng, 20 * C, C, skill=1.0)
    said = decisions(found)
    a = said["accuracy"]
    assert said["recall_macro"] == pytest.approx(a)
    assert said["accuracy_ovr"] == pytest.approx(1 - 2 * (1 - a) / C)
    assert said["negpos_recall"] == pytest.approx((a + 1 - (1 - a) / (C - 1)) / 2)
    each = [accuracy_score(*pair) for pair in zip(found.truth.T, found.chosen.T, strict=True)]
    assert said["accuracy_ovr"] == pytest.approx(np.mean(each))


def test_accuracy_against_the_rest_is_only_of_genres(rng):
    assert "accuracy_ovr" not in decisions(random_predictions(rng, 30, 3, multi_label=True))


def test_top_k_agrees_with_scikit_learn(rng):
    found = random_predictions(rng, 120, 6, skill=0.5)
    said = decisions(found, top_k=(1, 2, 3, 5, 6))
    for k in (1, 2, 3, 5):
        expected = top_k_accuracy_score(found.y_true, found.probability, k=k)
        assert said[f"top_{k}"] == pytest.approx(expected)
    assert said["top_1"] == said["accuracy"]
    assert "top_6" not in said  # all six classes: says nothing


def test_of_equal_probabilities_the_first_class_ranks_higher():
    said = decisions(predictions([0, 1, 2], np.full((3, 3), 1 / 3)), top_k=(1, 2))
    assert (said["accuracy"], said["top_1"], said["top_2"]) == pytest.approx((1 / 3, 1 / 3, 2 / 3))


def test_trapezoid_agrees_with_scikit_learn(rng):
    found = random_predictions(rng, 100, 3, skill=0.5, multi_label=True)
    found = replace(found, probability=found.probability.round(1))  # ties: where both areas part
    areas = []
    for truth, score in zip(found.truth.T, found.probability.T, strict=True):
        precision, recall, _ = precision_recall_curve(truth, score)
        areas.append(auc(recall, precision))
    said = scores(found)
    assert said["pr_auc_trapezoid"] == pytest.approx(np.mean(areas))
    assert said["class"]["b"]["pr_auc_trapezoid"] == pytest.approx(areas[1])
    assert abs(said["pr_auc_trapezoid"] - said["average_precision"]) > 0.001
    assert "pr_auc_trapezoid" not in scores(random_predictions(rng, 30, 3))


def test_a_tag_that_all_carry_has_no_negative_side():
    found = predictions([[True, True], [True, False]], [[0.9, 0.8], [0.8, 0.1]])
    said = decisions(found)
    assert np.isnan(said["class"]["a"]["neg_f1"])
    assert said["neg_f1"] == said["negpos_f1"] == 1


def test_majority_agrees_with_a_dummy_classifier(rng):
    found = random_predictions(rng, 90, 3)
    train = np.repeat([0, 1, 2], [20, 50, 30])
    dummy = DummyClassifier(strategy="most_frequent").fit(np.zeros((100, 1)), train)
    answer = dummy.predict(np.zeros((90, 1)))
    majority = baselines(replace(found, train_shares=np.array([0.2, 0.5, 0.3])))["majority"]
    assert majority["accuracy"] == pytest.approx(accuracy_score(found.y_true, answer))
    assert majority["f1_macro"] == pytest.approx(f1_score(found.y_true, answer, average="macro"))
    assert majority["average_precision"] == pytest.approx(1 / 3)


def test_majority_of_tags_is_each_tags_majority_value():
    found = predictions([[True, True], [True, False], [False, False]], np.full((3, 2), 0.5))
    majority = baselines(replace(found, train_shares=np.array([0.8, 0.5])))["majority"]
    assert majority["accuracy"] == pytest.approx(4 / 6)  # all carry a, none carries b
    assert majority["f1_macro"] == pytest.approx((0.8 + 0) / 2)


@pytest.mark.parametrize("multi_label", [False, True])
def test_prior_is_the_mean_over_draws(rng, multi_label):
    found = random_predictions(rng, 30, 3, multi_label=multi_label)
    shares = np.array([0.6, 0.3, 0.1])
    prior = baselines(replace(found, train_shares=shares))["prior"]
    accuracy, f1 = [], []
    for _ in range(1500):
        if multi_label:
            drawn = rng.random((30, 3)) < shares
        else:
            drawn = np.eye(3, dtype=bool)[rng.choice(3, 30, p=shares)]
        both = (drawn & found.truth).sum(axis=0)
        f1.append((2 * both / (drawn.sum(axis=0) + found.truth.sum(axis=0))).mean())
        right = drawn == found.truth if multi_label else (drawn & found.truth).any(axis=1)
        accuracy.append(right.mean())
    for name, values in {"accuracy": accuracy, "f1_macro": f1}.items():
        error = np.std(values) / np.sqrt(len(values))
        assert prior[name] == pytest.approx(np.mean(values), abs=4 * error)
        assert error < 0.005
