"""Standardisation that travels with the network's weights."""

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """Subtract each input's mean and divide by its standard deviation, as found by `fit`.

    Shape: (B, *input_shape) -> (B, *input_shape), float32

    `mean` and `scale` are buffers, so they are saved and loaded with the weights and no optimiser
    moves them. Fit on the training part only. They are NaN until fitted, and using the layer
    then is an error.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full(input_shape, torch.nan))
        self.register_buffer("scale", torch.full(input_shape, torch.nan))

    def fit(self, x: Tensor) -> None:
        """Take mean and population standard deviation over the first axis of `x`, in float64.

        x : (N, *input_shape). A constant column gets the scale 1. Raises ValueError for no rows,
        another shape, or values that are not finite.
        """
        if x.shape[1:] != self.mean.shape or len(x) == 0:
            raise ValueError(f"need (N > 0, {tuple(self.mean.shape)}) values, got {tuple(x.shape)}")
        if not x.isfinite().all():
            raise ValueError("cannot standardise values that are not finite")
        x = x.double()
        constant = x.amin(0) == x.amax(0)  # exact, where the computed deviation may be 1e-17
        self.mean.copy_(x.mean(0))
        self.scale.copy_(x.std(0, correction=0).masked_fill(constant, 1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise; RuntimeError before `fit`."""
        if self.scale.isnan().any():
            raise RuntimeError("Standardize is not fitted: call fit with the training inputs first")
        return (x.float() - self.mean) / self.scale
