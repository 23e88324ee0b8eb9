"""What a trained pipeline has learnt, as plain arrays, and the probabilities that follow from them.

A file of scikit-learn's objects has attributes by the hundred, private ones among them, which
compiled code trusts. What answers need is a few arrays: they alone are stored, and numpy, which
checks each index, computes the answers from them. Three things others do: scikit-learn finds the
nearest of rows that it fits anew, libsvm weighs support vectors, XGBoost asks its trees.

Answers equal those of the trained pipeline to the last digit.
"""

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRFClassifier

from soundstage import boosters, classifiers, trees
from soundstage.errors import SoundstageError
from soundstage.tasks import Answer, Arrays, Kind, Task
from soundstage.untrusted_arrays import Slot, require

KINDS: dict[type[BaseEstimator], Kind] = {
    DecisionTreeClassifier: trees.KIND,
    GaussianNB: classifiers.BAYES,
    KNeighborsClassifier: classifiers.KNN,
    LogisticRegression: classifiers.LOGISTIC,
    MLPClassifier: classifiers.MLP,
    RandomForestClassifier: trees.KIND,
    SGDClassifier: classifiers.LINES,
    SVC: classifiers.SVM,
    XGBClassifier: boosters.KIND,
    XGBRFClassifier: boosters.KIND,
}
_SCALERS = {"StandardScaler": ("mean", "scale"), "MinMaxScaler": ("scale", "min"), "str": ()}


def take(pipeline: Pipeline, X: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays that a pipeline answers by when it was trained on X and y.

    Those of the scaler are named `scaler.mean`, those of the classifier `coef`; where each tag has
    a classifier of its own, `0.coef`, `1.coef` ...
    """
    scaler, classifier = _scaler(pipeline), pipeline[-1]
    found = {
        f"scaler.{name}": getattr(scaler, f"{name}_") for name in _SCALERS[type(scaler).__name__]
    }
    X = X if scaler == "passthrough" else scaler.transform(X)
    each_tag = isinstance(classifier, OneVsRestClassifier)
    for i, machine in enumerate(classifier.estimators_ if each_tag else [classifier]):
        prefix = f"{i}." if each_tag else ""
        machine = machine.best_estimator_ if isinstance(machine, GridSearchCV) else machine
        found |= {prefix + name: array for name, array in _take(machine, X, y).items()}
    return {name: np.array(array, order="C") for name, array in found.items()}


def layout(untrained: Pipeline, task: Task) -> dict[str, Slot]:
    """Return what the arrays of a pipeline must be when it is trained for a task.

    Raises
    ------
    SoundstageError
        Nothing is known here of the pipeline's classifier.
    """
    names = _SCALERS[type(_scaler(untrained)).__name__]
    found = {f"scaler.{name}": Slot(np.dtype(np.float64), (task.columns,)) for name in names}
    each_tag, model = _classifier(untrained)
    if not each_tag:
        return found | _layout(model, task)
    alone = _layout(model, Task(task.columns, 2))
    for i in range(max(task.tags, 1)):
        for name, (dtype, shape) in alone.items():
            own = tuple(f"{i}.{n}" if isinstance(n, str) else n for n in shape)
            found[f"{i}.{name}"] = Slot(dtype, own)
    return found


def answer(untrained: Pipeline, arrays: Arrays, task: Task) -> Answer:
    """Check a pipeline's arrays, and return what answers by them.

    arrays: finite, and as `layout` says.

    Returns
    -------
    A function from X (n, columns) float64 to probabilities: (n, classes), or of several tags
    (n, tags).

    Raises
    ------
    UntrustedFileError
        Training cannot have given these arrays.
    """
    each_tag, model = _classifier(untrained)
    scale = _scale(_scaler(untrained), _of("scaler.", arrays))
    if not each_tag:
        ask = _answer(model, arrays, task)
        return lambda X: ask(scale(X))
    alone = Task(task.columns, 2)
    asks = [_answer(model, _of(f"{i}.", arrays), alone) for i in range(max(task.tags, 1))]

    def ask_each(X: np.ndarray) -> np.ndarray:
        X = scale(X)
        found = np.stack([ask(X)[:, 1] for ask in asks], axis=1)
        if task.tags:
            return found
        pair = np.concatenate([1 - found, found], axis=1)
        return pair / pair.sum(axis=1, keepdims=True)

    return ask_each


def _scaler(pipeline: Pipeline) -> Any:
    scaler = pipeline[0]
    return scaler.estimator if isinstance(scaler, FrozenEstimator) else scaler


def _classifier(untrained: Pipeline) -> tuple[bool, BaseEstimator]:
    """Return whether each tag has its own classifier, and it, without the search for the best."""
    model = untrained[-1]
    each_tag = isinstance(model, OneVsRestClassifier)
    model = model.estimator if each_tag else model
    return each_tag, model.estimator if isinstance(model, GridSearchCV) else model


def _of(prefix: str, arrays: Arrays) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _scale(scaler: Any, arrays: Arrays) -> Answer:
    if scaler == "passthrough":
        return lambda X: X
    require((arrays["scale"] > 0).all(), "the scaler")
    if isinstance(scaler, StandardScaler):
        return lambda X: (X - arrays["mean"]) / arrays["scale"]
    return lambda X: X * arrays["scale"] + arrays["min"]


# A classifier, which has probabilities or chooses, or one whose decisions a temperature calibrates


def _take(trained: BaseEstimator, X: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    if not isinstance(trained, CalibratedClassifierCV):
        return _kind(trained).take(trained, X, y)
    (both,) = trained.calibrated_classifiers_
    (temperature,) = both.calibrators
    return _take(both.estimator, X, y) | {"beta": np.asarray(temperature.beta_)}


def _layout(untrained: BaseEstimator, task: Task) -> dict[str, Slot]:
    if not isinstance(untrained, CalibratedClassifierCV):
        return _kind(untrained).layout(untrained, task)
    return _layout(untrained.estimator, task) | {"beta": Slot(np.dtype(np.float64), ())}


def _answer(untrained: BaseEstimator, arrays: Arrays, task: Task) -> Answer:
    if not isinstance(untrained, CalibratedClassifierCV):
        kind = _kind(untrained)
        return (kind.choose or kind.answer)(untrained, arrays, task)
    decide = _kind(untrained.estimator).answer(untrained.estimator, arrays, task)
    beta = float(arrays["beta"])
    require(beta > 0, "beta")

    def ask(X: np.ndarray) -> np.ndarray:
        found = decide(X)
        logits = np.stack([-found, found], axis=1) if found.ndim == 1 else found
        return softmax(beta * logits, axis=1)

    return ask


def _kind(model: BaseEstimator) -> Kind:
    if type(model) not in KINDS:
        raise SoundstageError(
            f"{type(model).__name__}: nothing says how to store it; add it to KINDS of "
            "src/soundstage/fitted.py"
        )
    return KINDS[type(model)]
