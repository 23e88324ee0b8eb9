"""Training: our loop against a bare one, and the loader against rows in memory."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import Line, paired
from targets.reading import BATCH, CLIPS, MFCC, PCM8, STATS, store
from torch import nn

from soundstage import registry, training
from soundstage.batches import Batches
from soundstage.loading import Segments
from soundstage.nn.standardize import fit_scalers
from soundstage.params import Training
from soundstage.progress import progress

CLASSES = 10
SECOND = ("sample",), (16_000,), "int8"
OF = {"cnn1d_chunk": " clips of 1 s"}  # where they are not as long as elsewhere


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


def _step(kind: str, view: Path, *, rounds: int) -> Line:
    """Measure epochs of our loop, from the store, against the shortest loop of the same steps."""
    segments = Segments(view, "train")
    X, y = segments.batch(range(len(segments)))
    setting = Training(epochs=1, batch_size=BATCH, learning_rate=1e-3)
    model = network(kind, X.shape[1:], {})
    batches = Batches(segments, batch_size=BATCH, shuffle_seed=0)
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
            f"training step of {kind}, batch of {BATCH}{OF.get(kind, '')}",
            lambda: training.train_epoch(model, optimiser, batches, 0, setting, bar),
            "a bare loop on tensors in memory",
            bare,
            target=1.05,
            faster=False,
            rounds=rounds,
            bound="loss and accuracy of each batch, which the bare loop does not note",
        )
    return replace(line, ours=line.ours / n, reference=line.reference / n)


def _in_pieces(kind: str, *, samples: int, rounds: int) -> Line:
    """Measure forward and backward passes of a network against one of its layers in a row."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-127, 128, (BATCH, samples), dtype=torch.int8, generator=generator)
    y = torch.arange(BATCH) % CLASSES
    ours = network(kind, (samples,), {}).train()
    plain = nn.Sequential(*ours.children())
    losses = {}

    def step(model: nn.Module) -> None:
        torch.manual_seed(0)  # of dropout
        ours.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        losses[model] = loss.item()

    line = paired(
        f"forward and backward pass of {kind}, batch of {BATCH} of 10 s",
        lambda: step(ours),
        "the same layers on the whole batch",
        lambda: step(plain),
        target=1.8,
        rounds=rounds,
        bound="convolutions, and dropout, which draws for the whole batch to draw the same",
    )
    same = "equal" if losses[ours] == losses[plain] else "different"
    return replace(line, agreement=f"losses {same}")


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


def measure() -> list[Line]:
    """Measure the loop, the networks that take batches in pieces, and the loader."""
    torch.set_num_threads(1)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for model, kind, clips, rounds in [
            ("stats_cnn", STATS, 320, 51),
            ("mfcc_lstm", MFCC, 10, 51),
            ("cnn1d_chunk", SECOND, 16, 21),
        ]:
            view = store(Path(folder), model, *kind, clips)
            lines.append(_step(model, view, rounds=rounds))
        lines.append(_in_pieces("cnn1d", samples=160_000, rounds=7))
        for what, name, kind in [
            ("int8 PCM of 30 s", "pcm8", PCM8),
            ("58 columns", "stats", STATS),
        ]:
            lines.append(_loader(what, store(Path(folder), name, *kind)))
    return lines
