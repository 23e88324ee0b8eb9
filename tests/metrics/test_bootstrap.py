import numpy as np
import pytest
from answers import random_predictions
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from soundstage.metrics.bootstrap import interval, ranking, resamples, scorer


def test_ranking_agrees_with_scikit_learn(rng):
    truth = rng.random(80) < 0.3
    score = rng.integers(0, 12, 80) / 11  # many equal scores
    weight = rng.integers(0, 4, (80, 6)).astype(float)
    auc, average_precision = ranking(truth, score)(weight)
    for draw, w in enumerate(weight.T):
        assert auc[draw] == pytest.approx(roc_auc_score(truth, score, sample_weight=w))
        expected = average_precision_score(truth, score, sample_weight=w)
        assert average_precision[draw] == pytest.approx(expected)


def test_ranking_is_nan_where_undefined():
    truth, score = np.array([True, False, True]), np.array([0.9, 0.5, 0.1])
    # Only the negative is drawn; only positives are; all are.
    weight = np.array([[0, 1, 1], [3, 0, 1], [0, 2, 1]], float)
    auc, average_precision = ranking(truth, score)(weight)
    np.testing.assert_allclose(auc, [np.nan, np.nan, 0.5])
    np.testing.assert_allclose(average_precision, [np.nan, 1, (1 + 2 / 3) / 2])


def test_ranking_without_a_positive_row_is_undefined():
    assert np.isnan(ranking(np.zeros(3, bool), np.arange(3.0))(np.ones((3, 4)))).all()


@pytest.mark.parametrize("multi_label", [False, True])
def test_scores_under_weights_agree_with_scikit_learn(rng, multi_label):
    found = random_predictions(rng, 70, 4, skill=0.8, multi_label=multi_label)
    weight = rng.integers(1, 4, (70, 3)).astype(float)
    scores = scorer(found, top_k=(2, 4))(weight)
    assert ("top_2" in scores) != multi_label
    assert "top_4" not in scores  # of four classes
    for draw, w in enumerate(weight.T):
        for name, score in {
            "roc_auc": roc_auc_score,
            "average_precision": average_precision_score,
        }.items():
            expected = score(found.truth, found.probability, average="macro", sample_weight=w)
            assert scores[name][draw] == pytest.approx(expected)
        expected = f1_score(found.truth, found.chosen, average="macro", sample_weight=w)
        assert scores["f1_macro"][draw] == pytest.approx(expected)
        if multi_label:
            expected = np.average((found.truth == found.chosen).mean(axis=1), weights=w)
        else:
            chosen = found.probability.argmax(axis=1)
            expected = accuracy_score(found.y_true, chosen, sample_weight=w)
            top = top_k_accuracy_score(found.y_true, found.probability, k=2, sample_weight=w)
            assert scores["top_2"][draw] == pytest.approx(top)
        assert scores["accuracy"][draw] == pytest.approx(expected)


def test_resamples_draw_whole_groups(rng):
    group = rng.permutation(np.repeat(["a", "b", "c"], 4))
    weight = np.concatenate(list(resamples(group, n_bootstrap=150, seed=1)), axis=1)
    assert weight.shape == (12, 150)
    for name in "abc":
        assert (weight[group == name] == weight[group == name][0]).all()
    assert (weight.sum(axis=0) == 12).all()  # as many groups as there are, of four clips each
    assert len(np.unique(weight, axis=1).T) > 5


def test_an_interval_leaves_out_the_undefined():
    assert interval(np.array([np.nan, 1.0, 3.0, np.nan])) == pytest.approx((1.05, 2.95))
    assert np.isnan(interval(np.array([np.nan]))).all()
