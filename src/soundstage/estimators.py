"""Models that are not networks: scikit-learn pipelines, trained and asked the same way.

Numbers depend on the seed and the rows alone: one thread, float64, and every row in one order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from soundstage import untrusted_skops, untrusted_xgboost
from soundstage.files import write_bytes
from soundstage.untrusted_skops import DAMAGE, UntrustedFileError, phrase

ROWS = 1024  # asked at once
PIPELINE, BOOSTER = "estimator.skops", "booster.json"


@dataclass(frozen=True)
class Estimator:
    """A trained pipeline that answers for all classes, also for those that it never met.

    `shares`: (C,) share of the training clips that carry each class or tag. The pipeline knows
    those that training can tell apart, `learnt`, as 0, 1, ... in their order. Of the other classes
    none occurred, so their probability is 0; of the other tags all clips or none carried them, so
    it is 1 or 0.
    """

    pipeline: Pipeline
    shares: np.ndarray
    multilabel: bool

    @property
    def learnt(self) -> np.ndarray:
        """Which classes the pipeline knows, (C,) bool."""
        return (self.shares > 0) & (self.shares < 1) if self.multilabel else self.shares > 0

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray) -> "Estimator":
        """Train on X (n, columns) and y: (n,) classes, or (n, C) tags of 0 and 1. Return itself.

        groups: (n,) of what folds within the training part may not tear apart, see `GroupedFolds`.

        Raises
        ------
        ValueError
            X is not finite, or scikit-learn cannot train on it.
        """
        X = _numbers(X)
        learnt = np.flatnonzero(self.learnt)
        if len(learnt) < (1 if self.multilabel else 2):
            raise ValueError("the training part has no two classes to tell apart")
        y = y[:, learnt].astype(np.int64) if self.multilabel else np.searchsorted(learnt, y)
        y = y[:, 0] if self.multilabel and len(learnt) == 1 else y
        folds = {k: v for k, v in self.pipeline.get_params().items() if k.endswith("__cv")}
        self.pipeline.set_params(**{k: GroupedFolds(v, groups) for k, v in folds.items()})
        with threadpool_limits(1):
            self.pipeline.fit(X, y)
        name, classifier = self.pipeline.steps[-1]
        self.pipeline.steps[-1] = name, _plain(classifier)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, C) float64 for X (n, columns); ValueError if X is not finite."""
        X = _numbers(X)
        found = np.tile(np.where(self.shares == 1, 1.0, 0.0), (len(X), 1))
        with threadpool_limits(1):
            for start in range(0, len(X), ROWS):
                rows = slice(start, start + ROWS)
                found[rows, self.learnt] = self._ask(X[rows])
        return found

    def _ask(self, X: np.ndarray) -> np.ndarray:
        answer = self.pipeline.predict_proba(X)
        if isinstance(answer, list):  # trees and neighbours: an array (n, 2) a tag
            answer = np.stack([pair[:, 1] for pair in answer], axis=1)
        elif self.multilabel and self.learnt.sum() == 1:
            answer = answer[:, 1:]
        answer = answer.astype(np.float64)
        if answer.shape != (len(X), self.learnt.sum()) or not np.isfinite(answer).all():
            raise ValueError("it gives no probabilities")
        # float32 is off by as much as 1e-6
        return answer if self.multilabel else answer / answer.sum(axis=1, keepdims=True)


class GroupedFolds(StratifiedKFold):
    """Stratified folds that tear no group apart, where every class has the groups for that.

    Where a class would be missing in a fold, or beside it, the folds are of single rows. So they
    are within a search's own folds, whose rows are not these; there only the search's are needed.
    """

    def __init__(self, folds: StratifiedKFold, groups: np.ndarray) -> None:
        super().__init__(folds.n_splits, shuffle=folds.shuffle, random_state=folds.random_state)
        self.folds, self.groups = folds, groups

    def split(
        self,
        X: Any,
        y: Any,
        groups: Any = None,  # noqa: ARG002 - the method's signature
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of each fold's training and test part."""
        if len(self.groups) == len(y) and self._enough(y):
            grouped = StratifiedGroupKFold(
                self.n_splits, shuffle=self.shuffle, random_state=self.random_state
            )
            folds = list(grouped.split(X, y, self.groups))
            classes = len(np.unique(y))
            if all(len(np.unique(y[part])) == classes for fold in folds for part in fold):
                yield from folds
                return
        yield from super().split(X, y)

    def _enough(self, y: np.ndarray) -> bool:
        return all(len(np.unique(self.groups[y == label])) >= self.n_splits for label in set(y))


def save(estimator: Estimator, folder: Path) -> None:
    """Write an estimator to a folder: `estimator.skops`, and XGBoost's trees as `booster.json`.

    Raises
    ------
    UntrustedFileError
        `load` would refuse it, as it does all classes that `untrusted_skops.ALLOWED` does not name.
    """
    pipeline = estimator.pipeline
    if hasattr(pipeline[-1], "get_booster"):
        write_bytes(folder / BOOSTER, pipeline[-1].get_booster().save_raw("json"))
        pipeline = pipeline[:-1]
    import skops.io  # seconds that a network need not wait

    write_bytes(folder / PIPELINE, skops.io.dumps(pipeline))
    untrusted_skops.read(folder / PIPELINE)


def load(untrained: Estimator, columns: int, folder: Path) -> Estimator:
    """Return the estimator in a folder: `untrained`, when trained on so many `columns`.

    Raises
    ------
    UntrustedFileError
        It is not, or a file is damaged.
    FileNotFoundError
    """
    pipeline = untrusted_skops.read(folder / PIPELINE)
    classifier = _plain(untrained.pipeline[-1])
    if hasattr(classifier, "get_booster"):
        trees = untrusted_xgboost.read(
            folder / BOOSTER,
            columns=columns,
            outputs=int(untrained.learnt.sum()),
            multilabel=untrained.multilabel,
        )
        pipeline.steps.append(("classifier", classifier))
    expected = Pipeline([*untrained.pipeline.steps[:-1], ("classifier", classifier)])
    if (found := _kinds(pipeline)) != (wanted := _kinds(expected)):
        raise UntrustedFileError(f"holds {' -> '.join(found)}, not {' -> '.join(wanted)}")
    trained = replace(untrained, pipeline=pipeline)
    try:
        if hasattr(classifier, "get_booster"):
            classifier.load_model(trees)
        trained.predict_proba(np.zeros((1, columns)))
    except DAMAGE as error:
        raise UntrustedFileError(f"is damaged: {phrase(error)}") from error
    return trained


def _kinds(pipeline: Pipeline) -> list[str]:
    """Return the names of a pipeline's steps, and of what its classifier is made around."""
    kinds = [type(step).__name__ for _, step in pipeline.steps]
    inner = pipeline[-1]
    while isinstance(inner := getattr(inner, "estimator", None), BaseEstimator):
        kinds.append(type(inner).__name__)
    return kinds


def _numbers(X: np.ndarray) -> np.ndarray:
    """Return X as float64; ValueError, with the columns, where a number is missing."""
    missing = np.flatnonzero(~np.isfinite(X).all(axis=0))
    if len(missing):
        first = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise ValueError(f"input has no number in some rows of column {first} (counted from 0)")
    return X.astype(np.float64)


def _plain(model: Any) -> Any:
    """Return a fitted classifier without what only its training needed: the search, the groups."""
    if isinstance(model, GridSearchCV):
        model = getattr(model, "best_estimator_", model.estimator)
    if isinstance(model, OneVsRestClassifier):
        model.estimator = _plain(model.estimator)
        model.estimators_ = [_plain(each) for each in getattr(model, "estimators_", [])]
    if isinstance(getattr(model, "cv", None), GroupedFolds):
        model.cv = model.cv.folds
    return model
