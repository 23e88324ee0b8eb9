import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from soundstage.models.svm import svm


@pytest.fixture
def statistics():
    """Sixty clips, 58 statistics on very different scales, one constant; four classes."""
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(4), 15)
    X = 0.7 * rng.normal(size=(4, 58))[y] + rng.normal(size=(60, 58))
    X = X * np.logspace(-3, 3, 58) + 5
    X[:, 0] = 661_500
    return X.astype(np.float32), y


def test_probabilities_of_one_label_sum_to_one(statistics):
    X, y = statistics
    probabilities = svm(multilabel=False, seed=0).fit(X[:40], y[:40]).predict_proba(X[40:])
    assert probabilities.shape == (20, 4)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (probabilities.argmax(1) == y[40:]).mean() > 0.7


def test_decisions_are_those_of_the_plain_svc(statistics):
    X, y = statistics
    plain = make_pipeline(StandardScaler(), SVC(break_ties=True)).fit(X[:40], y[:40])
    probabilities = svm(multilabel=False, seed=0).fit(X[:40], y[:40]).predict_proba(X)
    np.testing.assert_array_equal(probabilities.argmax(1), plain.predict(X))


def test_labels_are_independent_machines(statistics):
    X, y = statistics
    tags = np.stack([y == 0, y < 2, y % 2 == 0], axis=1).astype(np.int64)
    probabilities = svm(multilabel=True, seed=0).fit(X[:40], tags[:40]).predict_proba(X)
    assert probabilities.shape == (60, 3)
    for k in range(3):
        plain = make_pipeline(StandardScaler(), SVC()).fit(X[:40], tags[:40, k])
        np.testing.assert_array_equal(probabilities[:, k] > 0.5, plain.predict(X) == 1)


def test_three_clips_a_class_are_enough_and_two_are_not(statistics):
    X, y = statistics
    assert svm(multilabel=False, seed=0).fit(X[:12], y[:12]).predict_proba(X).shape == (60, 4)
    with pytest.raises(ValueError, match="less than 3 examples"):
        svm(multilabel=False, seed=0).fit(X[:8], y[:8])


def test_scaler_sees_the_fitted_rows_only(statistics):
    X, y = statistics
    model = svm(multilabel=False, seed=0).fit(X[:40], y[:40])
    model.predict_proba(X[40:])
    np.testing.assert_allclose(model["scaler"].mean_, X[:40].mean(0, dtype=np.float64))


@pytest.mark.parametrize(
    ("multilabel", "found"), [(False, lambda m: m), (True, lambda m: m.estimators_[0])]
)
def test_grid_finds_the_machine_that_fits(statistics, multilabel, found):
    X, y = statistics
    target = np.stack([y == 0, y < 2], axis=1).astype(np.int64) if multilabel else y
    # So narrow a kernel knows its own clips alone, and so small a penalty makes none of them matter
    grid = {"grid": True, "grid_C": (1e-4, 5.0), "grid_gamma": (0.005, 50.0)}
    model = svm(multilabel=multilabel, seed=0, **grid).fit(X, target)
    search = found(model["classifier"])
    assert search.best_params_["estimator__gamma"] == 0.005
    assert len(search.cv_results_["params"]) == 4
    plain = svm(multilabel=multilabel, seed=0, C=search.best_params_["estimator__C"], gamma=0.005)
    expected = plain.fit(X, target).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_same_seed_same_probabilities(statistics):
    X, y = statistics
    first, again, other = (
        svm(multilabel=False, seed=seed).fit(X, y).predict_proba(X) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(again, first)
    assert not np.array_equal(other, first)


def test_parameters_reach_the_kernel(statistics):
    X, y = statistics
    model = svm(multilabel=False, seed=0, C=2.0, gamma=0.5).fit(X, y)
    kernel = model["classifier"].estimator
    assert (kernel.C, kernel.gamma, kernel.kernel) == (2.0, 0.5, "rbf")
