"""Max pooling as Keras' padding="same" has it."""

import math

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad


class SamePool2d(nn.Module):
    """The largest value of each `size` x `size` window, one window every `stride` positions.

    Shape: (B, C, H, W) -> (B, C, ceil(H / stride), ceil(W / stride))

    What the last windows lack is padded with -inf, half of it before each axis; an odd one goes
    behind. Torch's `ceil_mode` would pad behind only, and so take other windows.
    """

    def __init__(self, size: int, stride: int = 2) -> None:
        super().__init__()
        self.size = size
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Pad and pool."""
        margins: list[int] = []
        for n in reversed(x.shape[2:]):  # `pad` wants the last axis first
            missing = max((math.ceil(n / self.stride) - 1) * self.stride + self.size - n, 0)
            margins += [missing // 2, missing - missing // 2]
        return max_pool2d(pad(x, margins, value=-math.inf), self.size, self.stride)
