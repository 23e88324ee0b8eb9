"""From a power spectral density to a network's input."""

from torch import Tensor, nn


class Ceiling(nn.Module):
    """Cut a spectrogram to `ceiling`, and scale it to at most 1.

    Shape: (B, bins, frames) -> (B, 1, bins, frames), float32

    Paper 000, section 3.2.1, with the ceiling 512.
    """

    def __init__(self, ceiling: float) -> None:
        super().__init__()
        self.ceiling = ceiling

    def forward(self, x: Tensor) -> Tensor:
        """Return one channel."""
        return x.float().clamp(max=self.ceiling).unsqueeze(1) / self.ceiling
