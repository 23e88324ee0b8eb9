"""Scikit-learn's classifiers: what each has learnt, as plain arrays, and its answers from them.

The formulas are scikit-learn's, in its order of summation. Neighbours are found by scikit-learn, in
rows that it fits anew, and libsvm weighs the support vectors: what they index with is checked.
"""

from itertools import combinations, pairwise
from typing import Any

import numpy as np
from scipy.special import expit, logsumexp, softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC, _libsvm

from soundstage.tasks import Answer, Arrays, Kind, Task
from soundstage.untrusted_arrays import Slot, require

_F8, _I8, _I4 = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.int32)


def _pair(second: np.ndarray) -> np.ndarray:
    """Return the probabilities of two classes, (n, 2), from that of the second, (n,)."""
    return np.stack([1 - second, second], axis=1)


def _one_hot(chosen: np.ndarray, task: Task) -> np.ndarray:
    """Return 1 for the chosen class of each row and 0 for the others, (n, classes)."""
    return np.eye(task.classes)[chosen.astype(np.intp)]


# Lines


def _take_lines(trained: Any, _X: np.ndarray, _y: np.ndarray) -> dict[str, np.ndarray]:
    return {"coef": trained.coef_, "intercept": trained.intercept_}


def _layout_lines(_: Any, task: Task) -> dict[str, Slot]:
    return {
        "coef": Slot(_F8, (task.scores, task.columns)),
        "intercept": Slot(_F8, (task.scores,)),
    }


def _lines(_: Any, arrays: Arrays, task: Task) -> Answer:
    def decide(X: np.ndarray) -> np.ndarray:
        found = X @ arrays["coef"].T + arrays["intercept"]
        return found[:, 0] if task.scores == 1 else found

    return decide


def _choose_by_lines(untrained: Any, arrays: Arrays, task: Task) -> Answer:
    decide = _lines(untrained, arrays, task)

    def choose(X: np.ndarray) -> np.ndarray:
        found = decide(X)
        return _one_hot(found > 0 if task.scores == 1 else found.argmax(axis=1), task)

    return choose


def _logistic(untrained: LogisticRegression, arrays: Arrays, task: Task) -> Answer:
    # In this order in memory L-BFGS leaves them, and by it BLAS rounds the product of a single row.
    coef = np.asfortranarray(arrays["coef"])
    decide = _lines(untrained, {**arrays, "coef": coef}, task)
    if task.scores == 1:
        return lambda X: _pair(expit(decide(X)))
    return lambda X: softmax(decide(X), axis=1)


# Naive Bayes


def _take_bayes(trained: GaussianNB, _X: np.ndarray, _y: np.ndarray) -> dict[str, np.ndarray]:
    return {"mean": trained.theta_, "variance": trained.var_, "prior": trained.class_prior_}


def _layout_bayes(_: GaussianNB, task: Task) -> dict[str, Slot]:
    each = Slot(_F8, (task.classes, task.columns))
    return {"mean": each, "variance": each, "prior": Slot(_F8, (task.classes,))}


def _bayes(_: GaussianNB, arrays: Arrays, task: Task) -> Answer:
    mean, variance, prior = arrays["mean"], arrays["variance"], arrays["prior"]
    require((variance > 0).all() and (prior > 0).all() and (prior <= 1).all(), "the Gaussians")

    def ask(X: np.ndarray) -> np.ndarray:
        joint = []
        for i in range(task.classes):
            constant = -0.5 * np.sum(np.log(2.0 * np.pi * variance[i]))
            distance = np.sum((X - mean[i]) ** 2 / variance[i], axis=1)
            joint.append(np.log(prior[i]) + (constant - 0.5 * distance))
        found = np.stack(joint).T
        return np.exp(found - logsumexp(found, axis=1)[:, None])

    return ask


# Perceptrons


def _take_mlp(trained: MLPClassifier, _X: np.ndarray, _y: np.ndarray) -> dict[str, np.ndarray]:
    coefs = {f"coef.{i}": array for i, array in enumerate(trained.coefs_)}
    return coefs | {f"intercept.{i}": array for i, array in enumerate(trained.intercepts_)}


def _layout_mlp(untrained: MLPClassifier, task: Task) -> dict[str, Slot]:
    found = {}
    units = (task.columns, *untrained.hidden_layer_sizes, task.scores)
    for i, (before, after) in enumerate(pairwise(units)):
        found[f"coef.{i}"] = Slot(_F8, (before, after))
        found[f"intercept.{i}"] = Slot(_F8, (after,))
    return found


def _mlp(untrained: MLPClassifier, arrays: Arrays, task: Task) -> Answer:
    last = len(untrained.hidden_layer_sizes)

    def ask(X: np.ndarray) -> np.ndarray:
        for i in range(last):
            X = np.maximum(X @ arrays[f"coef.{i}"] + arrays[f"intercept.{i}"], 0)
        found = X @ arrays[f"coef.{last}"] + arrays[f"intercept.{last}"]
        if task.tags:
            return expit(found)
        return _pair(expit(found[:, 0])) if task.scores == 1 else softmax(found, axis=1)

    return ask


# Neighbours


def _take_knn(_: KNeighborsClassifier, X: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"rows": X, "labels": y}


def _layout_knn(_: KNeighborsClassifier, task: Task) -> dict[str, Slot]:
    labels = ("rows", task.tags) if task.tags else ("rows",)
    return {"rows": Slot(_F8, ("rows", task.columns)), "labels": Slot(_I8, labels)}


def _knn(untrained: KNeighborsClassifier, arrays: Arrays, task: Task) -> Answer:
    labels = arrays["labels"]
    for column in labels.T if task.tags else [labels]:
        require(np.array_equal(np.unique(column), np.arange(task.classes)), "the labels")
    require(untrained.n_neighbors <= len(labels), f"{len(labels)} rows, which are too few")
    model = clone(untrained).fit(arrays["rows"], labels)
    if not task.tags:
        return model.predict_proba
    return lambda X: np.stack([pair[:, 1] for pair in model.predict_proba(X)], axis=1)


# Support vector machines


def _take_svc(trained: SVC, _X: np.ndarray, _y: np.ndarray) -> dict[str, np.ndarray]:
    sign = -1 if len(trained.classes_) == 2 else 1  # of two classes scikit-learn turns libsvm's
    return {
        "vectors": trained.support_vectors_,
        "of_class": trained.n_support_,
        "coef": sign * trained.dual_coef_,
        "intercept": sign * trained.intercept_,
        "gamma": np.asarray(trained._gamma),  # what "scale" came to, which no public name has
    }


def _layout_svc(_: SVC, task: Task) -> dict[str, Slot]:
    K = task.classes
    return {
        "vectors": Slot(_F8, ("vectors", task.columns)),
        "of_class": Slot(_I4, (K,)),
        "coef": Slot(_F8, (K - 1, "vectors")),
        "intercept": Slot(_F8, (K * (K - 1) // 2,)),
        "gamma": Slot(_F8, ()),
    }


def _pairs(untrained: SVC, arrays: Arrays) -> Answer:
    """Return what gives each row's decision between each two classes, (n, pairs)."""
    vectors, of_class = arrays["vectors"], arrays["of_class"]
    require((of_class >= 0).all() and of_class.sum(dtype=np.int64) == len(vectors), "of_class")
    gamma = float(arrays["gamma"])
    require(gamma > 0 and untrained.gamma in ("scale", gamma), "gamma")
    return lambda X: _libsvm.decision_function(
        np.ascontiguousarray(X),
        np.zeros(len(vectors), np.int32),  # their places among the training rows: not asked
        vectors,
        of_class,
        arrays["coef"],
        arrays["intercept"],
        kernel="rbf",
        gamma=gamma,
    )


def _svc(untrained: SVC, arrays: Arrays, task: Task) -> Answer:
    decide = _pairs(untrained, arrays)

    def settle(X: np.ndarray) -> np.ndarray:
        pairs = decide(X)
        return -pairs[:, 0] if task.classes == 2 else _votes(pairs, task.classes)

    return settle


def _choose_by_votes(untrained: SVC, arrays: Arrays, task: Task) -> Answer:
    """As `SVC.predict`: the most votes, and of equally many those of the first class."""
    decide = _pairs(untrained, arrays)

    def choose(X: np.ndarray) -> np.ndarray:
        pairs = decide(X)
        votes = np.zeros((len(pairs), task.classes))
        for column, (i, j) in zip(pairs.T, combinations(range(task.classes), 2), strict=True):
            votes[:, i] += column > 0
            votes[:, j] += column <= 0
        return _one_hot(votes.argmax(axis=1), task)

    return choose


def _votes(pairs: np.ndarray, K: int) -> np.ndarray:
    """Return each class's votes, and between equal votes by less than a half its decisions' sum."""
    votes, decisions = np.zeros((2, len(pairs), K))
    for column, (i, j) in zip(pairs.T, combinations(range(K), 2), strict=True):
        decisions[:, i] += column
        decisions[:, j] -= column
        votes[:, i] += column >= 0
        votes[:, j] += column < 0
    return votes + decisions / (3 * (np.abs(decisions) + 1))


LINES = Kind(_take_lines, _layout_lines, _lines, _choose_by_lines)
LOGISTIC = Kind(_take_lines, _layout_lines, _logistic)
BAYES = Kind(_take_bayes, _layout_bayes, _bayes)
MLP = Kind(_take_mlp, _layout_mlp, _mlp)
KNN = Kind(_take_knn, _layout_knn, _knn)
SVM = Kind(_take_svc, _layout_svc, _svc, _choose_by_votes)
