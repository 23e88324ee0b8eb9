"""Training: one straight loop for every network."""

import copy
import math
import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from dvclive import Live
from torch import Tensor, nn

from soundstage import views
from soundstage.batches import Batches
from soundstage.errors import SoundstageError
from soundstage.loading import Segments
from soundstage.nn.standardize import fit_scalers
from soundstage.params import Component, Training
from soundstage.progress import Progress, progress
from soundstage.resume import Kept, State, digest


def device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def loss_of(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss: cross-entropy for genres (B,), binary cross-entropy for tags (B, C)."""
    if y.ndim == 2:
        return nn.functional.binary_cross_entropy_with_logits(logits, y)
    return nn.functional.cross_entropy(logits, y)


def right_of(logits: Tensor, y: Tensor) -> Tensor:
    """Return which answers are right, bool: (B,) for genres, (B, C) for tags."""
    return (logits > 0) == (y > 0.5) if y.ndim == 2 else logits.argmax(1) == y


def seed_of(seed: int, epoch: int) -> int:
    """Return the seed of an epoch's dropout: any epoch can be begun without those before it."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0])


def _means(losses: list[Tensor], right: list[Tensor]) -> tuple[float, float]:
    """Return mean loss and accuracy; only here a GPU is waited for."""
    return torch.cat(losses).double().mean().item(), torch.cat(right).double().mean().item()


@torch.no_grad()
def validate(model: nn.Module, batches: Batches) -> tuple[float, float]:
    """Return the mean loss and the accuracy (of tags: the mean over tags) of a part.

    In float32 and without the model's penalty, however it is trained: as it will be used.
    """
    model.eval()
    losses, right = [], []
    for X, y in batches:
        logits = model(X)
        losses.append(loss_of(logits, y).expand(len(X)))
        right.append(right_of(logits, y))
    return _means(losses, right)


def train_epoch(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Batches,
    epoch: int,
    training: Training,
    bar: Progress,
) -> tuple[float, float]:
    """Take a step for each batch of an epoch; return the mean loss and accuracy on the way.

    A model that has a method `penalty() -> Tensor`, of its weights, is trained on the sum of loss
    and penalty, which is the loss returned (as in Keras).
    """
    penalty = getattr(model, "penalty", None)
    half = training.precision == "bfloat16" and batches.device.type == "cuda"
    precision = torch.autocast("cuda", torch.bfloat16) if half else nullcontext()
    losses, right = [], []
    model.train()
    for X, y in batches.epoch(epoch):
        with precision:
            logits = model(X).float()
        loss = loss_of(logits, y)
        if penalty:
            loss = loss + penalty()
        optimiser.zero_grad()
        loss.backward()
        if training.clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm)
        optimiser.step()
        losses.append(loss.detach().expand(len(X)))
        right.append(right_of(logits.detach(), y))
        bar.update()
    return _means(losses, right)


def train(
    model: nn.Module, component: Component, view: Path, *, seed: int, curves: Path
) -> nn.Module:
    """Train with Adam as `component.training` says.

    After each epoch all that the next one needs is kept, so that a run that was killed goes on
    where it was, also as a queued experiment: see `resume`.

    Parameters
    ----------
    model: of `component`, with its weights before training.
    view: its `train` part trains; its `valid` part chooses the epoch, or with `keep: last` and
        `patience: 0` nothing, so that it may be empty.
    seed: of the batches' order and of dropout.
    curves: folder for DVCLive's curves of loss and accuracy.

    Returns
    -------
    The model on the device it was trained on, with the chosen epoch's weights.

    Raises
    ------
    SoundstageError
        The loss of an epoch is not finite, or no validation loss is; or an input is not finite
        that is to be standardised.
    """
    training = component.training
    if training is None:
        raise ValueError(f"{component.name} has no parameters of training")
    sum_in_a_fixed_order()
    where = device()
    on_gpu = where.type == "cuda"
    model.to(where)
    batches = Batches(
        Segments(view, "train"),
        batch_size=training.batch_size,
        shuffle_seed=seed,
        device=where,
        data=training.data,
    )
    held_out = _held_out(view, training, where)
    optimiser = torch.optim.Adam(
        model.parameters(),
        lr=training.learning_rate,
        eps=training.eps,
        weight_decay=training.weight_decay,
        fused=on_gpu,
    )
    state = State(model, optimiser)
    kept = Kept(digest(component, view, seed=seed, code=Path(__file__), device=where))
    if kept.load(state):
        print(f"goes on after epoch {len(state.history)} of {training.epochs}")
    else:
        try:
            fit_scalers(model, batches)
        except ValueError as error:
            raise SoundstageError(f"{component.name}: {error}") from error
    if training.compile and on_gpu:
        model.compile(dynamic=False)
    steps, done = training.epochs * len(batches), len(state.history) * len(batches)

    with (
        torch.random.fork_rng([where] if on_gpu else []),  # dropout draws from torch's own
        Live(str(curves), dvcyaml=None, save_dvc_exp=False, report=None) as live,
        progress("train", steps, "batches", initial=done) as bar,
    ):
        for row in state.history:
            _log(live, row)
        for epoch in range(len(state.history), training.epochs):
            if training.patience and epoch - state.best_epoch > training.patience:
                break
            torch.manual_seed(seed_of(seed, epoch))
            row = {}
            row["loss/train"], row["accuracy/train"] = train_epoch(
                model, optimiser, batches, epoch, training, bar
            )
            if not math.isfinite(row["loss/train"]):
                raise SoundstageError(_diverged(f"the loss of epoch {epoch + 1} is not finite"))
            if held_out is not None:
                row["loss/valid"], row["accuracy/valid"] = validate(model, held_out)
            state.history.append(row)
            if training.keep == "best" and state.best_epoch == epoch:
                state.best = copy.deepcopy(model.state_dict())
            kept.save(state)
            _log(live, row)
            said = {name: f"{value:.3f}" for name, value in row.items() if "loss" in name}
            bar.set_postfix(epoch=f"{epoch + 1}/{training.epochs}", **said, refresh=False)

    chosen = len(state.history) - 1
    if training.keep == "best":
        chosen = state.best_epoch
        if chosen < 0:
            raise SoundstageError(_diverged("no epoch has a finite validation loss"))
        model.load_state_dict(state.best)
    kept.remove()
    losses = ", ".join(f"{k} {v:.4f}" for k, v in state.history[chosen].items() if "loss" in k)
    print(f"kept epoch {chosen + 1} of {len(state.history)}: {losses}")
    return model.eval()


def sum_in_a_fixed_order() -> None:
    """Have a GPU give the same sums each time, too; cuBLAS wants its workspace fixed for that."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Nobody reads what is not written yet, and to fill it takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _held_out(view: Path, training: Training, where: torch.device) -> Batches | None:
    """Return the validation part; None where there is none and nothing is chosen by it."""
    chooses = training.keep == "best" or training.patience
    if not chooses and not len(views.read(view).part("valid")):
        return None
    segments = Segments(view, "valid")
    return Batches(segments, batch_size=training.batch_size, device=where, data=training.data)


def _diverged(how: str) -> str:
    return f"training diverged: {how}; lower training.learning_rate, or set training.clip_norm"


def _log(live: Live, row: Mapping[str, float]) -> None:
    for name, value in row.items():
        live.log_metric(name, value)
    live.next_step()
