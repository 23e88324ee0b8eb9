import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline

from soundstage import estimators, registry
from soundstage.estimators import Estimator, GroupedFolds
from soundstage.models.decision_tree import decision_tree
from soundstage.models.knn import knn
from soundstage.models.logistic_regression import logistic_regression
from soundstage.models.sgd import sgd
from soundstage.models.svm import svm
from soundstage.models.xgboost import xgboost
from soundstage.tasks import Task
from soundstage.untrusted_arrays import UntrustedFileError

N = 90


@pytest.fixture
def statistics():
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), N // 3)
    return 2 * rng.normal(size=(3, 6))[y] + rng.normal(size=(N, 6)), y


def made(name: str, **given) -> Pipeline:
    known = registry.parameters("models", name)
    given |= {"n_estimators": 5} if "n_estimators" in known else {}
    given |= {"learning_rate": 0.3} if name == "xgboost" else {}
    given = {"seed": 0, "multilabel": False} | given
    return registry.component("models", name)(**{k: v for k, v in given.items() if k in known})


ALL = [name for name in registry.names("models") if registry.returns("models", name) == "Pipeline"]


@pytest.mark.parametrize("name", ALL)
def test_a_class_missing_in_training_has_probability_zero_in_its_own_place(name, statistics):
    X, y = statistics
    place = np.array([1, 2, 4])  # of five classes, the first and the fourth never occur
    shares = np.array([0, 1, 1, 0, 1]) / 3
    model = Estimator(made(name), shares, False).fit(X, place[y], np.arange(N))
    found = model.predict_proba(X)
    assert found.shape == (N, 5)
    assert found.dtype == np.float64
    assert (found[:, [0, 3]] == 0).all()
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)
    assert (found.argmax(1) == place[y]).mean() > 0.9
    without = Estimator(made(name), np.full(3, 1 / 3), False).fit(X, y, np.arange(N))
    np.testing.assert_array_equal(found[:, place], without.predict_proba(X))


@pytest.mark.parametrize("name", ALL)
def test_a_tag_that_all_or_none_carry_is_answered_so(name, statistics):
    X, y = statistics
    tags = np.stack([y >= 0, y == 0, y < 0, y < 2], axis=1).astype(np.float32)
    model = Estimator(made(name, multilabel=True), tags.mean(0), True)
    found = model.fit(X, tags, np.arange(N)).predict_proba(X)
    assert (found[:, 0] == 1).all()
    assert (found[:, 2] == 0).all()
    assert ((found > 0.5) == tags).mean() > 0.9
    only = Estimator(made(name, multilabel=True), tags[:, [0, 1]].mean(0), True)
    one = only.fit(X, tags[:, [0, 1]], np.arange(N)).predict_proba(X)
    assert one.shape == (N, 2)
    assert ((one[:, 1] > 0.5) == tags[:, 1]).mean() > 0.9


@pytest.mark.parametrize(("shares", "multilabel"), [([1, 0, 0], False), ([1, 0], True)])
def test_nothing_to_tell_apart_is_refused(statistics, shares, multilabel):
    X, y = statistics
    target = np.tile(np.float32(shares), (N, 1)) if multilabel else 0 * y
    with pytest.raises(ValueError, match="no two classes"):
        Estimator(knn(), np.array(shares), multilabel).fit(X, target, np.arange(N))


def test_rows_are_asked_in_batches_of_equal_answers(statistics, monkeypatch):
    X, y = statistics
    model = Estimator(made("random_forest"), np.full(3, 1 / 3), False).fit(X, y, np.arange(N))
    at_once = model.predict_proba(X)
    monkeypatch.setattr(estimators, "ROWS", 7)
    np.testing.assert_array_equal(model.predict_proba(X), at_once)


def test_columns_without_a_number_are_named(statistics):
    X, y = statistics
    model = Estimator(knn(), np.full(3, 1 / 3), False)
    holes = X.copy()
    holes[3, 4], holes[5, 1] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"no number in some rows of column 1, 4 \(counted"):
        model.fit(holes, y, np.arange(N))
    model.fit(X, y, np.arange(N))
    with pytest.raises(ValueError, match="column 1, 4"):
        model.predict_proba(holes)
    with pytest.raises(ValueError, match="input has 5 columns, not 6"):
        model.predict_proba(X[:, 1:])


def test_answers_that_are_no_probabilities_are_refused(statistics):
    X, y = statistics
    model = Estimator(logistic_regression(multilabel=False), np.full(3, 1 / 3), False)
    model.fit(X, y, np.arange(N)).arrays["intercept"][0] = np.nan
    with pytest.raises(ValueError, match="no probabilities"):
        model.predict_proba(X)


def test_folds_tear_no_group_apart_and_hold_every_class():
    y = np.tile(np.arange(3), 30)
    groups = np.array([f"song{i // 5}" for i in range(N)])
    order = np.random.default_rng(0).permutation(N)
    y, groups = y[order], groups[order]
    folds = list(GroupedFolds(StratifiedKFold(3, shuffle=True, random_state=0), groups).split(y, y))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(N))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == set(y[test]) == {0, 1, 2}


@pytest.mark.parametrize("groups", [np.zeros(N), np.arange(N) % 2, np.arange(N) % 3, np.arange(9)])
def test_folds_are_of_rows_where_groups_are_too_few_or_of_other_rows(groups):
    y = np.tile(np.arange(3), 30)  # each of the three groups of the third case is a class
    rows = StratifiedKFold(3, shuffle=True, random_state=0)
    for found, expected in zip(
        GroupedFolds(rows, groups).split(y, y), rows.split(y, y), strict=True
    ):
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("make", [svm, sgd])
@pytest.mark.parametrize("rare", [1, 2])
def test_a_class_of_one_or_two_clips_is_calibrated_with_what_folds_there_are(make, rare):
    rng = np.random.default_rng(0)
    y = np.array([0] * 20 + [1] * 20 + [2] * rare)
    X = rng.normal(size=(len(y), 4)) + 4 * y[:, None]
    folds = list(GroupedFolds(StratifiedKFold(3), np.arange(len(y))).split(X, y))
    assert len(folds) == rare
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    shares = np.bincount(y) / len(y)
    model = Estimator(make(multilabel=False, seed=0), shares, False).fit(X, y, np.arange(len(y)))
    plain = make(multilabel=False, seed=0)
    decides = make_pipeline(plain["scaler"], plain["classifier"].estimator).fit(X, y)
    top = decides.decision_function(X).argmax(1)
    np.testing.assert_array_equal(model.predict_proba(X).argmax(1), top)


@pytest.mark.parametrize("make", [svm, sgd])
def test_a_tag_of_one_clip_is_told_with_the_others(make):
    rng = np.random.default_rng(0)
    y = np.zeros((30, 2))
    y[:15, 0] = y[3, 1] = 1
    X = rng.normal(size=(30, 4)) + 3 * y[:, :1]
    model = Estimator(make(multilabel=True, seed=0), y.mean(0), True).fit(X, y, np.arange(30))
    assert ((model.predict_proba(X)[:, 0] > 0.5) == y[:, 0]).mean() > 0.9


def test_temperature_is_found_on_songs_that_are_not_trained_on():
    """Ten slices a song and songs without a genre's mark: who tears songs apart, is sure of it."""
    rng = np.random.default_rng(0)
    song = np.repeat(np.arange(30), 10)
    y = song % 3
    X = rng.normal(size=(30, 8))[song] + 0.05 * rng.normal(size=(300, 8))

    def surest(groups):
        model = Estimator(svm(multilabel=False, seed=0, C=10.0), np.full(3, 1 / 3), False)
        return model.fit(X, y, groups).predict_proba(X).max(1).mean()

    assert surest(np.arange(300)) > 0.9
    assert surest(song) < 0.5


def test_a_search_keeps_songs_whole_and_leaves_the_best_machine():
    rng = np.random.default_rng(0)
    song = np.repeat(np.arange(30), 6)
    y = song % 3
    X = 0.5 * rng.normal(size=(3, 8))[y] + rng.normal(size=(30, 8))[song]
    X += 0.02 * rng.normal(size=X.shape)
    grid = {"grid": True, "grid_C": (1.0,), "grid_gamma": (0.02, 3.0)}

    def gamma(groups):
        model = Estimator(svm(multilabel=False, seed=0, **grid), np.full(3, 1 / 3), False)
        return model.fit(X, y, groups).arrays["gamma"]

    assert gamma(song) == 0.02  # what the genres have in common
    assert gamma(np.arange(len(y))) == 3.0  # what knows each song by its other slices


def test_what_is_trained_may_be_trained_again(statistics):
    X, y = statistics
    grid = {"grid": True, "grid_C": (1.0,), "grid_gamma": (0.02, 0.1)}
    model = Estimator(svm(multilabel=False, seed=0, **grid), np.full(3, 1 / 3), False)
    first = model.fit(X, y, np.arange(N) // 2).predict_proba(X)
    np.testing.assert_array_equal(model.fit(X, y, np.arange(N) // 2).predict_proba(X), first)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("multilabel", [False, True])
def test_survives_the_disk(name, multilabel, statistics, tmp_path):
    X, y = statistics
    target = np.stack([y == 0, y < 2], axis=1).astype(np.float32) if multilabel else y
    shares = target.mean(0) if multilabel else np.full(3, 1 / 3)
    model = Estimator(made(name, multilabel=multilabel), shares, multilabel)
    model.fit(X, target, np.arange(N))
    estimators.save(model, tmp_path)
    untrained = Estimator(made(name, multilabel=multilabel), shares, multilabel)
    loaded = estimators.load(untrained, 6, tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("name", [n for n in ALL if n not in ("decision_tree", "random_forest")])
def test_another_number_of_columns_is_refused(name, statistics, tmp_path):
    X, y = statistics
    given = {"scaler": "standard"}
    model = Estimator(made(name, **given), np.full(3, 1 / 3), False).fit(X, y, np.arange(N))
    estimators.save(model, tmp_path)
    with pytest.raises(UntrustedFileError, match=r"is F64 \(.*6\), not F64 \(.*7\)"):
        estimators.load(Estimator(made(name, **given), np.full(3, 1 / 3), False), 7, tmp_path)


def test_another_model_than_expected_is_refused(statistics, tmp_path):
    X, y = statistics
    shares = np.full(3, 1 / 3)
    estimators.save(Estimator(knn(), shares, False).fit(X, y, np.arange(N)), tmp_path)
    for pipeline, other, what in (
        (decision_tree(seed=0), shares, "lacks column"),
        (knn(scaler="minmax"), shares, "has an unknown scaler.mean|lacks scaler.min"),
        (xgboost(seed=0), shares, "lacks base"),
        (knn(), np.full(4, 1 / 4), "the labels"),
        (knn(), np.array([1.0, 0, 0]), "no two classes"),
    ):
        with pytest.raises(UntrustedFileError, match=what):
            estimators.load(Estimator(pipeline, other, False), 6, tmp_path)


def test_neighbours_of_a_forged_measure_are_refused(statistics, tmp_path):
    """Weights and a metric of one's own once led scikit-learn out of memory."""
    X, y = statistics
    shares = np.full(3, 1 / 3)
    estimators.save(Estimator(knn(), shares, False).fit(X, y, np.arange(N)), tmp_path)
    file = tmp_path / estimators.ARRAYS
    honest = load_file(file)
    forged = {
        "effective_metric_params_": np.zeros(9),
        "rows": honest["rows"][:, :2],
        "labels": honest["labels"] + 1000,
    }
    for name, array in forged.items():
        save_file({**honest, name: np.ascontiguousarray(array)}, file)
        with pytest.raises(UntrustedFileError, match=f"{name}|the labels"):
            estimators.load(Estimator(knn(), shares, False), 6, tmp_path)


@pytest.mark.parametrize(
    ("shares", "multilabel", "task"),
    [
        ([0.5, 0, 0.5], False, Task(6, 2)),
        ([0.5, 0.3, 0.2], False, Task(6, 3)),
        ([1, 0, 0.4], True, Task(6, 2)),
        ([0.9, 0.1, 0.4], True, Task(6, 2, 3)),
    ],
)
def test_what_a_pipeline_tells_apart(shares, multilabel, task):
    assert Estimator(knn(), np.array(shares), multilabel).task(6) == task
