"""Trained models on disk: `about.json`, and weights that are data, never code.

Torch weights are kept as safetensors, scikit-learn estimators as skops, which loads only types it
knows. No pickle anywhere.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from soundstage import registry
from soundstage.errors import SoundstageError
from soundstage.files import whole_or_not_at_all, write_json
from soundstage.loading import Segments
from soundstage.params import Component
from soundstage.training import device

# Parts of scikit-learn that are not on skops' own list of types.
TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.model_selection._split.StratifiedKFold",
]


@dataclass(frozen=True)
class About:
    """What a checkpoint says of itself.

    `train_shares`: the share of training clips in each class; what the baselines know.
    """

    model: str
    kind: str
    arguments: dict[str, Any]
    input_shape: Sequence[int]
    classes: Sequence[str]
    multilabel: bool
    train_shares: Sequence[float]


def _is_network(kind: str) -> bool:
    return registry.returns("models", kind).endswith("Module")


def create(about: About, *, seed: int) -> Any:
    """Return an untrained model: an `nn.Module` with seeded weights, or a scikit-learn estimator.

    Raises
    ------
    SoundstageError
        The model cannot read arrays of the view's shape.
    """
    function = registry.component("models", about.kind)
    if not _is_network(about.kind):
        return function(seed=seed, multilabel=about.multilabel, **about.arguments)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            return function(tuple(about.input_shape), len(about.classes), **about.arguments)
        except ValueError as error:
            raise SoundstageError(f"{about.model}: {error}") from error


def save(model: Any, about: About, folder: Path) -> None:
    """Write a trained model to a folder."""
    write_json(folder / "about.json", asdict(about))
    if isinstance(model, nn.Module):
        state = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        with whole_or_not_at_all(folder / "weights.safetensors") as temporary:
            save_file(state, temporary)
    else:
        with whole_or_not_at_all(folder / "estimator.skops") as temporary:
            skops.io.dump(model, temporary)


def load(folder: Path) -> tuple[Any, About]:
    """Read a model from a folder. Runs no code from it."""
    try:
        about = About(**json.loads((folder / "about.json").read_text("utf-8")))
        if not _is_network(about.kind):
            return skops.io.load(folder / "estimator.skops", trusted=TRUSTED), about
        model = create(about, seed=0)
        model.load_state_dict(load_file(folder / "weights.safetensors"))
        return model.to(device()).eval(), about
    except FileNotFoundError as error:
        raise SoundstageError(f"{error.filename}: no such file; run `dvc repro train`") from error


def component_about(component: Component, segments: Segments) -> About:
    """Describe a model that is to be trained on some segments of a view."""
    view = segments.view.about
    # Shares of clips, not of segments: a clip counts once however many slices it has.
    clips = segments.rows.unique("track", keep="first", maintain_order=True)
    counts = clips["target"].explode().value_counts()
    count = dict(counts.iter_rows())
    return About(
        model=component.name,
        kind=component.kind,
        arguments=dict(component.arguments),
        input_shape=view.input_shape,
        classes=view.classes,
        multilabel=view.multilabel,
        train_shares=[count.get(i, 0) / len(clips) for i in range(len(view.classes))],
    )


@torch.no_grad()
def predict(model: Any, segments: Segments, *, batch_size: int = 16) -> np.ndarray:
    """Return the probabilities (n, classes) float64 that a model gives each segment.

    They sum to 1 for genres; for tags each is on its own.
    """
    if not isinstance(model, nn.Module):
        X, _ = segments.batch(range(len(segments)))
        return np.asarray(model.predict_proba(X), np.float64)
    where = next(model.parameters()).device
    found = []
    for start in range(0, len(segments), batch_size):
        X, _ = segments.batch(range(start, min(start + batch_size, len(segments))))
        logits = model(torch.from_numpy(X).to(where)).double()
        found.append(torch.sigmoid(logits) if segments.view.about.multilabel else logits.softmax(1))
    return torch.cat(found).cpu().numpy()
