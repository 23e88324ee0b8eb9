"""From a view to a trained model: one path for every model."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from soundstage import checkpoints, training, views
from soundstage.errors import SoundstageError
from soundstage.loading import Segments
from soundstage.params import Component
from soundstage.splits import PARTS


def fit(
    component: Component, view: Path, *, seed: int, curves: Path
) -> tuple[Any, checkpoints.About]:
    """Train a model on the `train` part of its view.

    Returns
    -------
    The trained `nn.Module` or `Estimator`, and what a checkpoint says of it. The curves
    of a network's training are written to the folder `curves`; an estimator has none.

    Raises
    ------
    SoundstageError
        The model cannot be trained on these clips: too few of a class, of too short an input, or
        (an estimator) with numbers missing in their rows.
    """
    segments = Segments(view, "train")
    about = checkpoints.component_about(component, segments)
    model = checkpoints.create(about, seed=seed)
    curves.mkdir(parents=True, exist_ok=True)
    if component.training:
        return training.train(model, component, view, seed=seed, curves=curves), about
    try:
        X, y = segments.batch(range(len(segments)))
        everything = _everything(view) if model.scaled_on_all else None
        return model.fit(X, y, segments.rows["group"].to_numpy(), everything), about
    except ValueError as error:  # often scikit-learn's own words, e.g. of too few of a class
        raise SoundstageError(f"{component.name}: {error}") from error


def _everything(view: Path) -> np.ndarray:
    """Return the rows of all parts, (n, columns); those that validate and test once."""
    found: dict[tuple[Any, ...], np.ndarray] = {}
    there = set(views.read(view).rows.filter(pl.col("reason").is_null())["part"])
    for part in (part for part in PARTS if part in there):
        segments = Segments(view, part)
        X, _ = segments.batch(range(len(segments)))
        found |= dict(
            zip(segments.rows.select("track", "copy", "segment").iter_rows(), X, strict=True)
        )
    return np.stack(list(found.values()))
