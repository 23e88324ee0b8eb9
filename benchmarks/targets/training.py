"""Training and prediction: our loop against a bare one, the loader, and how long a label takes.

The networks are those of params.yaml, each with its own parameters and the input that it reads of
a clip of 30 s.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import Line, median, paired, seconds
from music import music
from targets.reading import BATCH, CLIPS, PCM8, STATS, store
from torch import Tensor, nn

from soundstage import audio, params, registry, training
from soundstage.batches import Batches
from soundstage.descriptions import describe
from soundstage.loading import Segments
from soundstage.nn.standardize import fit_scalers
from soundstage.params import Component, Params, Training
from soundstage.progress import progress

CLASSES = 10
CLIP_SECONDS = 30
TIME = 2.0  # seconds in which predictions of one network are repeated


class Held:
    """Clips in memory, as little work as the source of batches can be."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.X, self.y = X, y

    def __len__(self) -> int:
        return len(self.X)

    def batch(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of some rows."""
        return self.X[indices], self.y[indices]


def network(kind: str, shape: Sequence[int], arguments: dict[str, Any]) -> nn.Module:
    """Return a network of seeded weights."""
    torch.manual_seed(0)
    return registry.component("models", kind)(tuple(shape), CLASSES, **arguments)


def _step(kind: str, X: np.ndarray, *, rounds: int) -> Line:
    """Measure epochs of our loop against the shortest loop that does the same steps."""
    y = np.arange(len(X)) % CLASSES
    setting = Training(epochs=1, batch_size=BATCH, learning_rate=1e-3)
    model = network(kind, X.shape[1:], {})
    batches = Batches(Held(X, y), batch_size=BATCH, shuffle_seed=0)
    fit_scalers(model, batches)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    arrays, labels = torch.from_numpy(X), torch.from_numpy(y)

    def bare() -> None:
        model.train()
        for chosen in torch.randperm(len(X)).split(BATCH):
            loss = nn.functional.cross_entropy(model(arrays[chosen]), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    n = len(batches)
    with progress("train", (rounds + 1) * n, "batches") as bar:
        line = paired(
            f"training step of {kind}, batch of {BATCH}",
            lambda: training.train_epoch(model, optimiser, batches, 0, setting, bar),
            "a bare loop on tensors in memory",
            bare,
            target=1.05,
            faster=False,
            rounds=rounds,
            bound="loss and accuracy of each batch, which the bare loop does not note",
        )
    return replace(line, ours=line.ours / n, reference=line.reference / n)


def _loader(what: str, view: Path) -> Line:
    """Measure an epoch of shuffled batches from the store against rows copied from memory."""
    segments = Segments(view, "train")
    X, y = segments.batch(range(len(segments)))
    loader = Batches(segments, batch_size=BATCH, shuffle_seed=0)
    memory = Batches(Held(X, y), batch_size=BATCH, shuffle_seed=0)

    def epoch(batches: Batches) -> None:
        for _ in batches.epoch(0):
            pass

    line = paired(
        f"loader, {what}",
        lambda: epoch(loader),
        "the same rows copied from memory",
        lambda: epoch(memory),
        target=2,
        faster=False,
    )
    rate = CLIPS / line.ours
    return replace(
        line,
        ours=line.ours / CLIPS,
        reference=line.reference / CLIPS,
        agreement=f"{rate:,.0f} clips/s, {rate * X[0].nbytes / 1e6:,.0f} MB/s",
    )


def _input(params: Params, name: str) -> tuple[np.ndarray, Sequence[str]]:
    """Return a waveform or feature of a clip of 30 s, and its axes."""
    if name in params.top.waveforms:
        waveform = params.top.waveforms[name]
        y = music(CLIP_SECONDS * waveform.sr, waveform.sr)
        return audio.quantise(y, waveform.dtype), ("sample",)
    feature = params.features[name]
    source, _ = _input(params, feature.input)
    of_waveform = feature.input in params.top.waveforms
    sr = params.top.waveforms[feature.input].sr if of_waveform else 0
    function = registry.component("features", feature.kind)
    array = function(audio.samples(source) if of_waveform else source, sr, **feature.arguments)
    return array, describe(params, name).axes


def _segment(params: Params, model: Component) -> tuple[np.ndarray, float]:
    """Return what a model reads of a clip at a time, and how many seconds of it that is."""
    array, axes = _input(params, model.input)
    share = 1.0
    if axes[0] in ("slice", "copy"):
        share = 1 / len(array) if axes[0] == "slice" else 1.0
        array = array[0]
    if model.segment:
        share = model.segment.length / array.shape[-1]
        array = array[..., : model.segment.length]
    return array, min(1.0, share) * CLIP_SECONDS


def _latency(params: Params, component: Component) -> Line:
    """Measure how long a network takes to label a segment that lies in memory."""
    x, lasts = _segment(params, component)
    model = network(component.kind, x.shape, dict(component.arguments))
    X = torch.from_numpy(np.repeat(x[None], BATCH, 0))
    fit_scalers(model, [(X, X)])
    model.eval()

    @torch.inference_mode()
    def predict(batch: Tensor) -> Tensor:
        return model(batch).softmax(1)

    def each(n: int) -> float:
        first = seconds(lambda: predict(X[:n]))
        rounds = max(3, min(50, int(TIME / first)))
        return median(seconds(lambda: predict(X[:n])) for _ in range(rounds)) / n

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


def networks(params: Params) -> Iterator[Component]:
    """Yield the networks of params.yaml."""
    for component in params.models.values():
        if component.training:
            yield component


def measure() -> list[Line]:
    """Measure the loop, the loader and every network's prediction."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    lines = [
        _step("stats_cnn", rng.standard_normal((320, 58)).astype(np.float32), rounds=51),
        _step("mfcc_lstm", rng.standard_normal((32, 130, 13)).astype(np.float32), rounds=51),
        _step("cnn1d_chunk", rng.integers(-128, 128, (16, 16_000), np.int8), rounds=21),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for what, name, kind in [
            ("int8 PCM of 30 s", "pcm8", PCM8),
            ("58 columns", "stats", STATS),
        ]:
            lines.append(_loader(what, store(Path(folder), name, *kind)))
    parameters = params.load()
    return lines + [_latency(parameters, component) for component in networks(parameters)]
