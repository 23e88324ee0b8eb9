"""Standardisation inside a network: by the training part's statistics, or by each clip's own."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """Subtract each input's mean and divide by its standard deviation, as found by `fit`.

    Shape: (B, *shape) -> (B, *shape), float32

    Along an axis that is 1 in `shape`, an input may have any length and shares one mean and scale:
    (128, 1) standardises each of 128 bands over all frames.

    `mean` and `scale` are buffers, so they are saved and loaded with the weights and no optimiser
    moves them. Fit on the training part only, see `fit_scalers`. They are NaN until fitted, and
    using the layer then is an error.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full(shape, torch.nan))
        self.register_buffer("scale", torch.full(shape, torch.nan))
        self.fitted = False  # in Python, since a GPU would have to stop to say so at each step
        self.register_load_state_dict_post_hook(_note_whether_fitted)

    def fit(self, batches: Tensor | Iterable[Tensor]) -> None:
        """Take mean and population standard deviation over all rows of all batches, in float64.

        batches : each (N, *shape), and only one in memory at a time; a tensor is one batch. A
            constant column gets the scale 1. Raises ValueError for no rows, another shape, or
            values that are not finite.

        Each batch's moments are merged into those of the ones before (Chan, Golub and LeVeque
        1979), which stays exact where the mean is large beside the deviation.
        """
        shape = self.mean.shape
        over = [0, *(axis for axis, n in enumerate(shape, start=1) if n == 1)]
        count = 0
        mean, squares = (torch.zeros_like(self.mean, dtype=torch.float64) for _ in range(2))
        least, most = torch.full_like(mean, torch.inf), torch.full_like(mean, -torch.inf)
        for x in [batches] if isinstance(batches, Tensor) else batches:
            if x.numel() == 0 or x.ndim != 1 + len(shape) or x.sum(over, True)[0].shape != shape:
                raise ValueError(f"need (N > 0, {tuple(shape)}) values, got {tuple(x.shape)}")
            if not x.isfinite().all():
                raise ValueError("cannot standardise values that are not finite")
            x = x.double()
            n, own = x.numel() // mean.numel(), x.mean(over, keepdim=True)[0]
            count += n
            step = own - mean
            mean = mean + step * (n / count)
            squares += (x - own).square().sum(over, keepdim=True)[0]
            squares += step.square() * (n * (count - n) / count)
            least = torch.minimum(least, x.amin(over, keepdim=True)[0])
            most = torch.maximum(most, x.amax(over, keepdim=True)[0])
        if count == 0:
            raise ValueError(f"need (N > 0, {tuple(shape)}) values, got none")
        constant = least == most  # exact, where the computed deviation may be 1e-17
        self.mean.copy_(mean)
        self.scale.copy_((squares / count).sqrt().masked_fill(constant, 1.0))
        self.fitted = True

    def forward(self, x: Tensor) -> Tensor:
        """Standardise; RuntimeError before `fit`."""
        if not self.fitted:
            raise RuntimeError("Standardize is not fitted: call fit with the training inputs first")
        return (x.float() - self.mean) / self.scale


def _note_whether_fitted(layer: nn.Module, _incompatible_keys: Any) -> None:
    assert isinstance(layer, Standardize)
    layer.fitted = not bool(layer.scale.isnan().any())


class StandardizeClip(nn.Module):
    """Subtract a clip's own mean along the last axis and divide by its own standard deviation.

    Shape: (B, samples) or (B, bands, frames) -> the same, float32

    Of a spectrogram, each band is standardised by itself. What is constant becomes zero.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Standardise each clip."""
        x = x.float()
        constant = x.amin(-1, keepdim=True) == x.amax(-1, keepdim=True)
        scale = x.std(-1, correction=0, keepdim=True).masked_fill(constant, torch.inf)
        return (x - x.mean(-1, keepdim=True)) / scale


class _Reached(Exception):  # noqa: N818 - how a forward pass ends, no error
    def __init__(self, x: Tensor) -> None:
        self.x = x


def _reaching(layer: Standardize, model: nn.Module, batches: Iterable[Any]) -> Iterator[Tensor]:
    """Yield what reaches a layer of `model` from each batch; nothing behind it is computed."""

    def stop(_layer: nn.Module, args: tuple[Tensor, ...]) -> None:
        raise _Reached(args[0])

    with layer.register_forward_pre_hook(stop):
        for x, _ in batches:
            try:
                model(x.to(layer.mean.device))
            except _Reached as reached:
                yield reached.x


@torch.no_grad()
def fit_scalers(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Fit each `Standardize` of a model on what reaches it from the training part.

    batches : (X, y), all of the training part in whatever order; gone through once for each such
        layer, so with two a generator will not do, and not at all if there is none.

    The model runs as it will in prediction: no dropout, no augmentation. Raises ValueError as
    `Standardize.fit` does.
    """
    was_training = model.training
    model.eval()
    for layer in model.modules():
        if isinstance(layer, Standardize):
            layer.fit(_reaching(layer, model, batches))
    model.train(was_training)
