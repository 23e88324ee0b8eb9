"""Prediction: how long every model of params.yaml takes to label what it hears of a clip.

Each has its own parameters and reads what it does of a clip of 30 s. Networks have seeded weights;
estimators are trained on rows of chance, as many as GTZAN's fault-filtered split has for training.
"""

from collections.abc import Callable

import numpy as np
import torch
from measure import Line, median, seconds
from music import music
from targets.reading import BATCH
from targets.training import CLASSES, network
from torch import Tensor

from soundstage import params, registry
from soundstage.descriptions import describe
from soundstage.estimators import Estimator
from soundstage.nn.standardize import fit_scalers
from soundstage.params import Component, Params
from soundstage.warm_up import row

CLIP_SECONDS = 30
TIME = 2.0  # seconds in which predictions of one model are repeated
ROWS = 640


def _segment(params: Params, model: Component) -> tuple[np.ndarray, float]:
    """Return what a model reads of a clip at a time, and how many seconds of it that is."""
    array, _ = row(params, model.input, lambda sr: music(CLIP_SECONDS * sr, sr))
    of_waveform = model.input in params.top.waveforms
    axes = ("sample",) if of_waveform else describe(params, model.input).axes
    share = 1.0
    if axes[0] in ("slice", "copy"):
        share = 1 / len(array) if axes[0] == "slice" else 1.0
        array = array[0]
    if model.segment:
        share = model.segment.length / array.shape[-1]
        array = array[..., : model.segment.length]
    return array, min(1.0, share) * CLIP_SECONDS


def _network(component: Component, x: np.ndarray) -> Callable[[int], object]:
    model = network(component.kind, x.shape, dict(component.arguments))
    X = torch.from_numpy(np.repeat(x[None], BATCH, 0))
    fit_scalers(model, [(X, X)])
    model.eval()

    @torch.inference_mode()
    def predict(n: int) -> Tensor:
        return model(X[:n]).softmax(1)

    return predict


def _estimator(component: Component, x: np.ndarray) -> Callable[[int], object]:
    rng = np.random.default_rng(0)
    rows, labels = rng.standard_normal((ROWS, *x.shape)), np.arange(ROWS) % CLASSES
    asked = registry.parameters("models", component.kind)
    given = {name: 0 for name in ("seed", "multilabel") if name in asked}
    pipeline = registry.component("models", component.kind)(**given, **component.arguments)
    model = Estimator(pipeline, np.full(CLASSES, 1 / CLASSES), multilabel=False)
    model.fit(rows, labels, groups=np.arange(ROWS))
    return lambda n: model.predict_proba(rows[:n])


def _latency(params: Params, component: Component) -> Line:
    """Measure how long a model takes to label a segment that lies in memory."""
    x, lasts = _segment(params, component)
    predict = (_network if component.training else _estimator)(component, x)

    def each(n: int) -> float:
        first = seconds(lambda: predict(n))
        rounds = max(3, min(50, int(TIME / first)))
        return median(seconds(lambda: predict(n)) for _ in range(rounds)) / n

    alone, together = each(1), each(BATCH)
    return Line(
        f"prediction by {component.name}, one segment at a time",
        f"the {lasts:.3g} s that it hears",
        alone,
        lasts,
        lasts / alone,
        target=10,
        faster=True,
        agreement=f"{1000 * together:.3g} ms a segment in batches of {BATCH}",
    )


def measure() -> list[Line]:
    """Measure every model."""
    torch.set_num_threads(1)
    parameters = params.load()
    return [_latency(parameters, component) for component in parameters.models.values()]
