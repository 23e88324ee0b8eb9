"""From stored samples to a network's input, at the same level whatever their dtype."""

import torch
from torch import Tensor, nn

_STEPS = {torch.int8: 128, torch.int16: 32_768}  # of full scale, see `audio.quantise`


def full_scale(x: Tensor) -> Tensor:
    """Return samples of any dtype of the store in float32, full scale 1; KeyError for other ints.

    Shape: (B, samples), int8, int16 or float -> (B, samples), float32
    """
    return x.float() if x.is_floating_point() else x.float() / _STEPS[x.dtype]


class FullScale(nn.Module):
    """Turn stored samples into one channel of float32, full scale 1.

    Shape: (B, samples), int8, int16 or float -> (B, 1, samples), float32

    Clips keep their dtype on disk, in the loader and on the way to the device: PCM-8 is a quarter
    of the bytes of float32.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Scale by 1/128 what is PCM-8 (paper 000, section 3.2.1)."""
        return full_scale(x).unsqueeze(1)
