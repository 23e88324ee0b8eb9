"""Arrays that give scikit-learn's and XGBoost's own answers, to the last digit."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from trained import COLUMNS, NAMES, asked, rows, trained, untrained

from soundstage import fitted
from soundstage.errors import SoundstageError
from soundstage.tasks import Task
from soundstage.untrusted_arrays import UntrustedFileError

KINDS = ["three", "two", "tags", "tag"]
QUESTIONS = np.random.default_rng(1).normal(size=(1500, COLUMNS)) * np.logspace(-1, 1, COLUMNS) + 3

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def probabilities(pipeline, X):
    """What a pipeline of scikit-learn's answers; of tags each one's second column."""
    found = pipeline.predict_proba(X)
    return np.stack([pair[:, 1] for pair in found], axis=1) if isinstance(found, list) else found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scaler", ["standard", "minmax", "none"])
def test_answers_are_the_pipelines_to_the_last_digit(name, kind, scaler):
    pipeline, arrays, _ = trained(name, kind, scaler=scaler)
    ask = asked(name, kind, arrays, scaler=scaler)
    for X in (QUESTIONS, QUESTIONS[:1], QUESTIONS[:7]):
        np.testing.assert_array_equal(ask(X), probabilities(pipeline, X))


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_leaves_the_arrays_of_the_best(kind):
    given = {"grid": True, "grid_C": (0.1, 1.0), "grid_gamma": (0.01, 0.3)}
    pipeline, arrays, _ = trained("svm", kind, **given)
    np.testing.assert_array_equal(
        asked("svm", kind, arrays, **given)(QUESTIONS), probabilities(pipeline, QUESTIONS)
    )


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("sgd", {}),
        ("svm", {}),
        ("svm", {"grid": True, "grid_C": (0.1, 1.0), "grid_gamma": (0.01, 0.3)}),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_decisions_are_those_of_predict_and_nothing_between(name, given, kind):
    given = {"answers": "decision"} | given
    pipeline, arrays, _ = trained(name, kind, **given)
    found = asked(name, kind, arrays, **given)(QUESTIONS)
    expected = pipeline.predict(QUESTIONS)
    assert set(np.unique(found)) == {0, 1}
    if kind == "tags":
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_array_equal(found, np.eye(found.shape[1])[expected])


def test_equal_votes_are_decided_as_libsvm_decides_them():
    """Six classes that are hardly apart often have equally many votes."""
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(6), 30)
    X = 0.1 * rng.normal(size=(6, COLUMNS))[y] + rng.normal(size=(180, COLUMNS))
    task = Task(COLUMNS, 6)
    found, plain = {}, SVC().fit(X, y).predict(QUESTIONS - 3)
    for answers in ("decision", "probability"):
        pipeline = untrained("svm", multilabel=False, scaler="none", answers=answers)
        arrays = fitted.take(pipeline.fit(X, y), X, y)
        found[answers] = fitted.answer(pipeline, arrays, task)(QUESTIONS - 3).argmax(1)
    np.testing.assert_array_equal(found["decision"], plain)
    assert (found["probability"] != plain).any()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("mlp", {"hidden": ()}),
        ("mlp", {"hidden": (7, 5)}),
        ("random_forest", {"max_depth": None, "n_estimators": 40}),
        ("decision_tree", {"max_depth": None}),
        ("xgboost", {"n_estimators": 45, "max_depth": 6}),
        ("svm", {"gamma": 0.5}),
        ("knn", {"k": 60}),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_answers_with_other_parameters(name, given, kind):
    pipeline, arrays, _ = trained(name, kind, **given)
    ask = asked(name, kind, arrays, **given)
    np.testing.assert_array_equal(ask(QUESTIONS), probabilities(pipeline, QUESTIONS))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_arrays_are_as_the_layout_says(name, kind):
    _, arrays, task = trained(name, kind)
    layout = fitted.layout(untrained(name, multilabel=kind.startswith("tag")), task)
    assert layout.keys() == arrays.keys()
    lengths = {}
    for slot_name, (dtype, shape) in layout.items():
        array = arrays[slot_name]
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        for n, wanted in zip(array.shape, shape, strict=True):
            assert lengths.setdefault(wanted, n) == (n if isinstance(wanted, str) else wanted)


@pytest.mark.parametrize("scaler", ["standard", "minmax"])
@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_a_scaler_that_cannot_be_is_refused(scaler, scale):
    arrays = dict(trained("knn", scaler=scaler).arrays)
    arrays["scaler.scale"] = np.append(arrays["scaler.scale"][:-1], scale)
    with pytest.raises(UntrustedFileError, match="the scaler"):
        asked("knn", "three", arrays, scaler=scaler)


@pytest.mark.parametrize("kind", ["three", "tags"])
def test_a_temperature_that_cannot_be_is_refused(kind):
    name = "1.beta" if kind == "tags" else "beta"
    arrays = {**trained("sgd", kind).arrays, name: np.float64(-1)}
    with pytest.raises(UntrustedFileError, match="beta"):
        asked("sgd", kind, arrays)


def test_a_classifier_that_nothing_is_known_of():
    X, y = rows()
    pipeline = Pipeline([("scaler", "passthrough"), ("classifier", DummyClassifier())])
    for what in (
        lambda: fitted.take(pipeline.fit(X, y), X, y),
        lambda: fitted.layout(pipeline, Task(COLUMNS, 3)),
    ):
        with pytest.raises(SoundstageError, match=r"DummyClassifier: .* add it to KINDS of src"):
            what()
