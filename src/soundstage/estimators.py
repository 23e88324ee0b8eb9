"""Models that are not networks: scikit-learn pipelines, trained and asked the same way.

Numbers depend on the seed and the rows alone: one thread, float64, and every row in one order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as serialise
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits
from xgboost.core import XGBoostError

from soundstage import fitted
from soundstage.files import write_bytes
from soundstage.tasks import Arrays, Task
from soundstage.untrusted_arrays import UntrustedFileError, read

ROWS = 1024  # asked at once
ARRAYS = "arrays.safetensors"


@dataclass
class Estimator:
    """A pipeline, trained by `fit`, that answers for all classes, also those that it never met.

    `shares`: (C,) share of the training clips that carry each class or tag. The pipeline learns
    those that training can tell apart, `learnt`, as 0, 1, ... in their order. Of the other classes
    none occurred, so their probability is 0; of the other tags all clips or none carried them, so
    it is 1 or 0.

    `pipeline` stays untrained: what training finds is in `arrays`, which `fitted` tells of.
    """

    pipeline: Pipeline
    shares: np.ndarray
    multilabel: bool
    arrays: Arrays = field(default_factory=dict)

    @property
    def learnt(self) -> np.ndarray:
        """Which classes the pipeline learns, (C,) bool."""
        return (self.shares > 0) & (self.shares < 1) if self.multilabel else self.shares > 0

    def task(self, columns: int) -> Task:
        """Return what the pipeline tells apart by so many columns.

        Raises
        ------
        ValueError
            There is nothing to tell apart.
        """
        n = int(self.learnt.sum())
        if n < (1 if self.multilabel else 2):
            raise ValueError("the training part has no two classes to tell apart")
        return Task(columns, 2, n if n > 1 else 0) if self.multilabel else Task(columns, n)

    @property
    def scaled_on_all(self) -> bool:
        """Whether the scaler is to be fitted on the rows of all parts, a leak of some papers."""
        return isinstance(self.pipeline[0], FrozenEstimator)

    def fit(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray, everything: np.ndarray | None = None
    ) -> "Estimator":
        """Train on X (n, columns) and y: (n,) classes, or (n, C) tags of 0 and 1. Return itself.

        groups: (n,) of what folds within the training part may not tear apart, see `GroupedFolds`.
        everything: (m, columns), the rows of all parts, if the scaler is to be fitted on them.

        Raises
        ------
        ValueError
            X is not finite, or scikit-learn cannot train on it.
        """
        X = _numbers(X)
        task, learnt = self.task(X.shape[1]), np.flatnonzero(self.learnt)
        y = y[:, learnt].astype(np.int64) if self.multilabel else np.searchsorted(learnt, y)
        y = y[:, 0] if self.multilabel and not task.tags else y
        pipeline = clone(self.pipeline)
        if self.scaled_on_all:
            if everything is None:
                raise ValueError("its scaler is to be fitted on the rows of all parts; give them")
            scaler = clone(self.pipeline[0].estimator).fit(_numbers(everything))
            pipeline.set_params(scaler=FrozenEstimator(scaler))
        folds = {k: v for k, v in pipeline.get_params().items() if k.endswith("__cv")}
        pipeline.set_params(**{k: GroupedFolds(v, groups) for k, v in folds.items()})
        with threadpool_limits(1):
            pipeline.fit(X, y)
        return self.give(fitted.take(pipeline, X, y), task)

    def give(self, arrays: Arrays, task: Task) -> "Estimator":
        """Answer by these arrays from now on; UntrustedFileError where training cannot give them.

        arrays: finite, and as `fitted.layout` says of `task`.
        """
        self.arrays, self._columns = arrays, task.columns
        self._answer = fitted.answer(self.pipeline, arrays, task)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, C) float64 for X (n, columns).

        Raises
        ------
        ValueError
            X is not finite or of other columns, or the answer is no probability.
        """
        X = _numbers(X)
        if X.shape[1] != self._columns:
            raise ValueError(f"input has {X.shape[1]} columns, not {self._columns}")
        found = np.tile(np.where(self.shares == 1, 1.0, 0.0), (len(X), 1))
        with threadpool_limits(1):
            for start in range(0, len(X), ROWS):
                rows = slice(start, start + ROWS)
                found[rows, self.learnt] = self._ask(X[rows])
        return found

    def _ask(self, X: np.ndarray) -> np.ndarray:
        answer = self._answer(X).astype(np.float64)
        if self.multilabel and self.learnt.sum() == 1:
            answer = answer[:, 1:]
        if answer.shape != (len(X), self.learnt.sum()) or not np.isfinite(answer).all():
            raise ValueError("it gives no probabilities")
        # float32 is off by as much as 1e-6
        return answer if self.multilabel else answer / answer.sum(axis=1, keepdims=True)


class GroupedFolds:
    """Stratified folds that tear no group apart, where every class has the groups for that.

    Where a class would be missing in a fold, or beside it, the folds are of single rows. So they
    are within a search's own folds, whose rows are not these; there only the search's are needed.
    Of a class with fewer rows than folds there are only so many folds, and where one has a single
    row nothing can be held out: the one fold trains and tests on all rows.
    """

    # Without an attribute `n_splits`, which scikit-learn would hold against the smallest class.
    def __init__(self, folds: StratifiedKFold, groups: np.ndarray) -> None:
        self.folds, self.groups = folds, groups

    def get_n_splits(
        self,
        X: Any = None,  # noqa: ARG002 - the method's signature
        y: Any = None,
        groups: Any = None,  # noqa: ARG002 - the method's signature
    ) -> int:
        """Return the number of folds for labels `y`."""
        if y is None:
            return self.folds.n_splits
        return min(self.folds.n_splits, int(np.unique(y, return_counts=True)[1].min()))

    def split(
        self,
        X: Any,
        y: Any,
        groups: Any = None,  # noqa: ARG002 - the method's signature
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of each fold's training and test part."""
        n = self.get_n_splits(y=y)
        if n == 1:
            yield np.arange(len(y)), np.arange(len(y))
            return
        shuffled = {"shuffle": self.folds.shuffle, "random_state": self.folds.random_state}
        if len(self.groups) == len(y) and self._enough(y, n):
            folds = list(StratifiedGroupKFold(n, **shuffled).split(X, y, self.groups))
            classes = len(np.unique(y))
            if all(len(np.unique(y[part])) == classes for fold in folds for part in fold):
                yield from folds
                return
        yield from StratifiedKFold(n, **shuffled).split(X, y)

    def _enough(self, y: np.ndarray, n: int) -> bool:
        return all(len(np.unique(self.groups[y == label])) >= n for label in set(y))


def save(estimator: Estimator, folder: Path) -> None:
    """Write what an estimator has learnt to a folder: `arrays.safetensors`."""
    write_bytes(folder / ARRAYS, serialise(dict(estimator.arrays)))


def load(untrained: Estimator, columns: int, folder: Path) -> Estimator:
    """Return the estimator in a folder: `untrained`, when trained on so many `columns`.

    Raises
    ------
    UntrustedFileError
        It is not, or the file is damaged.
    FileNotFoundError
    """
    try:
        task = untrained.task(columns)
        arrays = read(folder / ARRAYS, fitted.layout(untrained.pipeline, task))
        return untrained.give(arrays, task)
    except (ValueError, XGBoostError) as error:
        raise UntrustedFileError(f"is damaged: {' '.join(str(error).split())[:200]}") from error


def _numbers(X: np.ndarray) -> np.ndarray:
    """Return X as float64; ValueError, with the columns, where a number is missing."""
    missing = np.flatnonzero(~np.isfinite(X).all(axis=0))
    if len(missing):
        first = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise ValueError(f"input has no number in some rows of column {first} (counted from 0)")
    return X.astype(np.float64)
