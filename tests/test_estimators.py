import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from soundstage import estimators, registry
from soundstage.estimators import Estimator, GroupedFolds
from soundstage.models.decision_tree import decision_tree
from soundstage.models.knn import knn
from soundstage.models.logistic_regression import logistic_regression
from soundstage.models.svm import svm
from soundstage.models.xgboost import xgboost
from soundstage.untrusted_skops import UntrustedFileError

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


def test_answers_that_are_no_probabilities_are_refused(statistics):
    X, y = statistics
    model = Estimator(logistic_regression(multilabel=False), np.full(3, 1 / 3), False)
    model.fit(X, y, np.arange(N)).pipeline[-1].coef_[0, 0] = np.nan
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
        return model.fit(X, y, groups).pipeline["classifier"].estimator.gamma

    assert gamma(song) == 0.02  # what the genres have in common
    assert gamma(np.arange(len(y))) == 3.0  # what knows each song by its other slices


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("grid", [False, True])
def test_what_only_training_needed_is_gone(statistics, multilabel, grid):
    X, y = statistics
    target = np.stack([y == 0, y == 1], axis=1).astype(np.float32) if multilabel else y
    shares = np.full(2 if multilabel else 3, 1 / 3)
    pipeline = svm(multilabel=multilabel, seed=0, grid=grid, grid_C=(1.0,))
    fitted = Estimator(pipeline, shares, multilabel).fit(X, target, np.arange(N) // 2).pipeline[-1]
    for each in [fitted.estimator, *fitted.estimators_] if multilabel else [fitted]:
        assert type(each).__name__ == "CalibratedClassifierCV"
        assert type(each.cv) is StratifiedKFold


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
    with pytest.raises(UntrustedFileError, match=r"columns|features"):
        estimators.load(
            Estimator(made(name, multilabel=multilabel), shares, multilabel), 7, tmp_path
        )


def test_another_model_than_expected_is_refused(statistics, tmp_path):
    X, y = statistics
    shares = np.full(3, 1 / 3)
    estimators.save(Estimator(knn(), shares, False).fit(X, y, np.arange(N)), tmp_path)
    with pytest.raises(
        UntrustedFileError,
        match="holds StandardScaler -> KNeighborsClassifier, not str -> DecisionTreeClassifier",
    ):
        estimators.load(Estimator(decision_tree(seed=0), shares, False), 6, tmp_path)
    with pytest.raises(UntrustedFileError, match=r"holds StandardScaler -> KN.*, not MinMaxScaler"):
        estimators.load(Estimator(knn(scaler="minmax"), shares, False), 6, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"booster\.json"):
        estimators.load(Estimator(xgboost(seed=0), shares, False), 6, tmp_path)
    with pytest.raises(UntrustedFileError, match="no probabilities"):
        estimators.load(Estimator(knn(), np.full(4, 1 / 4), False), 6, tmp_path)


def test_a_foreign_classifier_is_refused_when_it_is_saved_and_when_it_is_read(statistics, tmp_path):
    X, y = statistics
    dummy = Pipeline([("scaler", "passthrough"), ("classifier", DummyClassifier())])
    trained = Estimator(dummy, np.full(3, 1 / 3), False).fit(X, y, np.arange(N))
    with pytest.raises(UntrustedFileError, match="DummyClassifier"):
        estimators.save(trained, tmp_path)
    with pytest.raises(UntrustedFileError, match="DummyClassifier"):
        estimators.load(Estimator(knn(), np.full(3, 1 / 3), False), 6, tmp_path)
