"""From stored 8-bit samples to a network's input."""

from torch import Tensor, nn


class PCM8(nn.Module):
    """Turn 8-bit PCM samples into one channel of float32 in [-1, 1).

    Shape: (B, samples), int8 -> (B, 1, samples), float32

    Clips stay int8 on disk, in the loader and on the way to the device, a quarter of the bytes.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Scale by 1/128 (paper 000, section 3.2.1)."""
        return x.unsqueeze(1).float() / 128
