"""What a killed training goes on from: its state after each epoch, kept outside the checkout.

A state is one safetensors file, named by a digest of all that shapes the result. Two runs of one
digest compute the same states and write each whole or not at all, so they may share the file: one
may go on from the other's.
"""

import contextlib
import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from soundstage import fingerprint, paths, registry
from soundstage.files import write_bytes
from soundstage.params import Component

SHARE = 0.05  # of the time at most goes into saving: epochs far shorter than that take are skipped
KEPT_DAYS = 14  # a state that nobody touched for so long is of a run that nobody wants back


@dataclass
class State:
    """All that the next epoch starts from; random numbers are drawn by an epoch's number.

    `history`: the curves, a row an epoch. `best`: the weights of the best epoch, where one is
    chosen.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    history: list[dict[str, float]] = field(default_factory=list)
    best: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def best_epoch(self) -> int:
        """The first epoch with the lowest validation loss; -1 where none is finite."""
        losses = [row.get("loss/valid", math.inf) for row in self.history]
        finite = [i for i, loss in enumerate(losses) if math.isfinite(loss)]
        return min(finite, key=losses.__getitem__, default=-1)


def digest(component: Component, view: Path, *, seed: int, code: Path, device: torch.device) -> str:
    """Return a digest of all that shapes a training's result; `code` is the training's file."""
    cuda = device.type == "cuda"
    with view.open("rb") as file:
        rows = file_digest(file, "sha256").hexdigest()
    return fingerprint.digest(
        {
            "view": rows,
            "model": [component.kind, component.input, dict(component.arguments)],
            "training": component.training.model_dump() if component.training else None,
            "seed": seed,
            "code": [
                fingerprint.code_digest(file)
                for file in (code, registry.source_file("models", component.kind))
            ],
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name(device) if cuda else device.type,
        }
    )


class Kept:
    """The file that holds the state of one training."""

    def __init__(self, digest: str) -> None:
        self.path = paths.kept() / "training" / f"{digest}.safetensors"
        self._saved, self._took = -math.inf, 0.0
        sweep(self.path.parent)

    def load(self, state: State) -> bool:
        """Put the kept state, if there is one, into `state`; tell whether there was. No code runs.

        A file that cannot be read, as on a failing disk, is no state.
        """
        try:
            with safe_open(self.path, "pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                history = json.loads(file.metadata()["history"])
        except FileNotFoundError:
            return False
        except SafetensorError as error:
            print(f"{self.path}: {error}; training starts anew")
            return False
        where = next(state.model.parameters()).device
        state.history = history
        state.model.load_state_dict(_under("model", tensors))
        state.best = {name: value.to(where) for name, value in _under("best", tensors).items()}
        moments: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for name, value in _under("optimiser", tensors).items():
            number, _, moment = name.partition(".")
            moments[int(number)][moment] = value
        state.optimiser.load_state_dict(state.optimiser.state_dict() | {"state": dict(moments)})
        return True

    def save(self, state: State) -> None:
        """Keep a state instead of the one before, unless that would take too much of the time."""
        start = time.monotonic()
        if (start - self._saved) * SHARE < self._took:
            return
        moments = state.optimiser.state_dict()["state"]
        groups: dict[str, Mapping[Any, Tensor]] = {
            "model": state.model.state_dict(),
            "best": state.best,
            "optimiser": {f"{i}.{k}": v for i, of in moments.items() for k, v in of.items()},
        }
        tensors = {
            f"{group}/{name}": value.detach().cpu().contiguous()
            for group, values in groups.items()
            for name, value in values.items()
        }
        write_bytes(self.path, save(tensors, {"history": json.dumps(state.history)}))
        self._saved = time.monotonic()
        self._took = self._saved - start

    def remove(self) -> None:
        """Forget the state: training has finished."""
        self.path.unlink(missing_ok=True)


def _under(group: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{group}/"
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def sweep(folder: Path) -> None:
    """Remove the states, and what was half-written, of runs that were given up."""
    for path in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # of a run that has just finished
            if time.time() - path.stat().st_mtime > KEPT_DAYS * 86400:
                path.unlink()
