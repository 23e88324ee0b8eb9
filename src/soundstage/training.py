"""Training: one straight loop for every torch model, `fit` for the scikit-learn ones."""

import copy
import os
from pathlib import Path

import torch
from dvclive import Live
from torch import nn

from soundstage import loading
from soundstage.errors import SoundstageError
from soundstage.nn.standardize import Standardize
from soundstage.params import Training
from soundstage.progress import progress


def device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def loss_of(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the mean loss: cross-entropy for genres (B,), binary cross-entropy for tags (B, C)."""
    if y.ndim == 2:
        return nn.functional.binary_cross_entropy_with_logits(logits, y)
    return nn.functional.cross_entropy(logits, y)


def fit_scalers(model: nn.Module, view: Path) -> None:
    """Fit the standardising layers of a model on the training part, and on nothing else."""
    scalers = [module for module in model.modules() if isinstance(module, Standardize)]
    if scalers:
        X = torch.from_numpy(loading.arrays(view, "train")[0])
        for scaler in scalers:
            scaler.fit(X)


@torch.no_grad()
def validate(model: nn.Module, batches: torch.utils.data.DataLoader) -> tuple[float, float]:
    """Return the mean loss and the accuracy (of tags: the mean over tags) of a part."""
    model.eval()
    where = next(model.parameters()).device
    loss = right = n = 0.0
    for X, y in batches:
        X, y = X.to(where), y.to(where)
        logits = model(X)
        loss += loss_of(logits, y).item() * len(X)
        correct = (logits > 0) == (y > 0.5) if y.ndim == 2 else logits.argmax(1) == y
        right += correct.float().mean().item() * len(X)
        n += len(X)
    return loss / n, right / n


def train(
    model: nn.Module, view: Path, training: Training, *, seed: int, curves: Path
) -> nn.Module:
    """Train with Adam (eps 1e-7, as Keras has it) and keep the epoch of the lowest validation loss.

    Parameters
    ----------
    view: its `train` part trains, its `valid` part chooses the epoch.
    seed: of the batches' order and of dropout.
    curves: folder for DVCLive's curves of loss and accuracy.

    Returns
    -------
    The model on the device it was trained on, with the chosen epoch's weights.

    Raises
    ------
    SoundstageError
        No epoch has a finite validation loss.
    """
    # Sums in a fixed order on a GPU too; cuBLAS wants its workspace fixed for that.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    fit_scalers(model, view)
    where = device()
    model.to(where)
    batches = loading.loader(view, "train", batch_size=training.batch_size, shuffle_seed=seed)
    held_out = loading.loader(view, "valid", batch_size=training.batch_size)
    optimiser = torch.optim.Adam(model.parameters(), lr=training.learning_rate, eps=1e-7)
    best_loss, best_epoch, best = float("inf"), -1, model.state_dict()

    with (
        torch.random.fork_rng(),  # dropout draws from torch's own generator
        Live(str(curves), dvcyaml=None, save_dvc_exp=False, report=None) as live,
        progress("train", training.epochs, "epochs") as bar,
    ):
        torch.manual_seed(seed)
        for epoch in range(training.epochs):
            model.train()
            total = n = 0.0
            for X, y in batches:
                X, y = X.to(where), y.to(where)
                loss = loss_of(model(X), y)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += loss.item() * len(X)
                n += len(X)
            valid_loss, valid_accuracy = validate(model, held_out)
            if valid_loss < best_loss:
                best_loss, best_epoch = valid_loss, epoch
                best = copy.deepcopy(model.state_dict())
            live.log_metric("loss/train", total / n)
            live.log_metric("loss/valid", valid_loss)
            live.log_metric("accuracy/valid", valid_accuracy)
            live.next_step()
            bar.set_postfix(train=f"{total / n:.3f}", valid=f"{valid_loss:.3f}", refresh=False)
            bar.update()
    if best_epoch < 0:
        raise SoundstageError(
            "training diverged: no epoch has a finite validation loss; lower training.learning_rate"
        )
    model.load_state_dict(best)
    print(f"kept epoch {best_epoch + 1} of {training.epochs}: validation loss {best_loss:.4f}")
    return model.eval()
