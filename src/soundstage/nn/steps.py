"""From convolutions to a recurrent layer."""

from torch import Tensor, nn


class Steps(nn.Module):
    """Make one vector of all that the channels and frequency bins say at a time step.

    Shape: (B, C, steps) -> (B, steps, C), or (B, C, bins, steps) -> (B, steps, C * bins)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a view of `x` with time in the middle."""
        return x.flatten(1, -2).transpose(1, 2)
