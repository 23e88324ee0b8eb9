"""Small trained pipelines of every model that is no network, for tests of what they have learnt."""

from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from soundstage import fitted, registry
from soundstage.tasks import Task

NAMES = [n for n in registry.names("models") if registry.returns("models", n) == "Pipeline"]
COLUMNS = 5
FEW = {"n_estimators": 3, "max_depth": 3, "hidden": (4,), "learning_rate": 0.05, "k": 3}


def untrained(name, **given) -> Pipeline:
    known = registry.parameters("models", name)
    given = {"seed": 0, "multilabel": False} | FEW | given
    return registry.component("models", name)(**{k: v for k, v in given.items() if k in known})


def rows(n=60):
    """Return rows of three classes that overlap, on unlike scales, and their classes."""
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), n // 3)
    X = 0.8 * rng.normal(size=(3, COLUMNS))[y] + rng.normal(size=(n, COLUMNS))
    return X * np.logspace(-1, 1, COLUMNS) + 3, y


class Trained(NamedTuple):
    pipeline: Pipeline  # as scikit-learn trained it
    arrays: dict
    task: Task


@cache
def trained(name, kind="three", **given) -> Trained:
    """Return a model trained to tell `three` classes, `two`, `tags`, or one `tag` apart."""
    X, y = rows()
    target, task = {
        "three": (y, Task(COLUMNS, 3)),
        "two": (y % 2, Task(COLUMNS, 2)),
        "tags": (np.stack([y == 0, y < 2, y == 1], axis=1).astype(int), Task(COLUMNS, 2, 3)),
        "tag": ((y == 0).astype(int), Task(COLUMNS, 2)),
    }[kind]
    pipeline = untrained(name, multilabel=kind.startswith("tag"), **given).fit(X, target)
    return Trained(pipeline, fitted.take(pipeline, X, target), task)


def asked(name, kind, arrays, **given):
    """Return the answers of a model that was given arrays."""
    pipeline = untrained(name, multilabel=kind.startswith("tag"), **given)
    return fitted.answer(pipeline, arrays, trained(name, kind, **given).task)
