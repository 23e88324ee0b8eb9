"""Batches of arrays for torch: picked on the device, or fetched while it works.

The order is drawn from the seed and the number of the epoch alone. So it is the same wherever the
arrays lie, and an epoch can be begun without those before it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, Protocol, TypeVar

import numpy as np
import torch

SHARE = 0.5  # of a GPU's free memory that a part may take; activations need the rest
CHUNK = 2**26  # bytes that are on their way to the device at a time
AHEAD = 3  # batches that are fetched before they are asked for

CPU = torch.device("cpu")
Batch = tuple[torch.Tensor, torch.Tensor]
Given = TypeVar("Given")
Made = TypeVar("Made")


class Rows(Protocol):
    """Where batches come from, `loading.Segments` for one."""

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the arrays (len(indices), *shape) and the targets (len(indices), ...)."""


class Batches:
    """Batches (X, y) of some rows, on a device: tensors in the dtypes in which the rows are stored.

    Parameters
    ----------
    shuffle_seed: rows are shuffled anew in each epoch; None: they stay in order.
    data: "device": all rows are held on the device and a batch is picked there. "host": batches
        are fetched one by one; for a GPU a thread does so ahead of time, into pinned memory.
        "auto": "device" where there is a GPU with room, else "host".
    """

    def __init__(
        self,
        rows: Rows,
        *,
        batch_size: int,
        shuffle_seed: int | None = None,
        device: torch.device = CPU,
        data: Literal["auto", "device", "host"] = "host",
    ) -> None:
        self.rows, self.batch_size, self.shuffle_seed = rows, batch_size, shuffle_seed
        self.device = device
        self._epoch = 0
        if data == "auto":
            data = "device" if _has_room(device, rows) else "host"
        self._held = _moved(rows, device) if data == "device" else None

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Return the batches of the next epoch."""
        self._epoch += 1
        return self.epoch(self._epoch - 1)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, the first being number 0."""
        order = np.arange(len(self.rows))
        if self.shuffle_seed is not None:
            order = np.random.default_rng([self.shuffle_seed, number]).permutation(order)
        chosen = torch.from_numpy(order)
        if self._held is not None:
            X, y = self._held
            for picked in chosen.to(self.device).split(self.batch_size):
                yield X[picked], y[picked]
        elif self.device.type == "cpu":
            yield from map(self._fetch, chosen.split(self.batch_size))
        else:
            for X, y in ahead(self._pinned, chosen.split(self.batch_size)):
                yield X.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)

    def _fetch(self, chosen: torch.Tensor) -> Batch:
        X, y = self.rows.batch(chosen.tolist())
        return torch.from_numpy(X), torch.from_numpy(y)

    def _pinned(self, chosen: torch.Tensor) -> Batch:
        X, y = self._fetch(chosen)
        return X.pin_memory(), y.pin_memory()


def ahead(make: Callable[[Given], Made], of: Iterable[Given]) -> Iterator[Made]:
    """Yield what `make` makes of each, in order; a thread makes the next few meanwhile."""
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(1) as thread:
        for given in of:
            waiting.append(thread.submit(make, given))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _has_room(device: torch.device, rows: Rows) -> bool:
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return len(rows) * rows.batch([0])[0].nbytes <= SHARE * free


def _moved(rows: Rows, device: torch.device) -> Batch:
    """Return all rows on a device; no second copy of them is made here."""
    first = torch.from_numpy(rows.batch([0])[0])
    X = torch.empty((len(rows), *first.shape[1:]), dtype=first.dtype, device=device)
    targets = []
    for chosen in torch.arange(len(rows)).split(max(1, CHUNK // first.nbytes)):
        values, y = rows.batch(chosen.tolist())
        X[chosen[0] : chosen[-1] + 1] = torch.from_numpy(values)
        targets.append(torch.from_numpy(y))
    return X, torch.cat(targets).to(device)
