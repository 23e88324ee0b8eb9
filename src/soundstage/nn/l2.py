"""L2 regularisation of chosen kernels, as part of the loss."""

import torch
from torch import Tensor, nn


class L2Linear(nn.Linear):
    """A linear layer whose kernel, not its bias, adds `l2` times its sum of squares to the loss.

    Shape: (B, in_features) -> (B, out_features)

    Keras' `kernel_regularizer=l2(...)`. It must stand in a `Penalized`.
    """

    def __init__(self, in_features: int, out_features: int, *, l2: float) -> None:
        super().__init__(in_features, out_features)
        self.l2 = l2


class Penalized(nn.Sequential):
    """Layers in a row, some of them `L2Linear`, at whatever depth.

    The training loop asks a model for its `penalty`, and adds it to each batch's loss.
    """

    def penalty(self) -> Tensor:
        """Return what the layers add to the loss: a scalar, with gradients."""
        layers = (layer for layer in self.modules() if isinstance(layer, L2Linear))
        return torch.stack([layer.l2 * layer.weight.square().sum() for layer in layers]).sum()
