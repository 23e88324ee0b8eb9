"""The 1D half of paper 001's networks, up to its flattened features."""

from collections.abc import Sequence

from torch import nn

from soundstage.nn.pieces import InPieces
from soundstage.nn.standardize import StandardizeClip


def wave_trunk(
    *, filters: int, kernel: int, pools: Sequence[int], middle_relu: bool
) -> nn.Sequential:
    """Standardise each clip; four blocks of two convolutions each; flatten.

    Shape: (B, samples) -> (B, 8 * filters * (samples // prod(pools))), float32

    A block is Conv -> [ReLU] -> Conv -> MaxPool -> BatchNorm -> ReLU, all convolutions "same". From
    block to block the filters double and the kernel loses 2 (paper 001, section 4.1), so an odd
    `kernel` stays odd; ValueError below 7, or for other than four pools.
    """
    if kernel < 7 or len(pools) != 4:
        raise ValueError(
            f"need a kernel of at least 7, to lose 2 three times, and four pools, "
            f"got {kernel} and {tuple(pools)}"
        )
    network = nn.Sequential(StandardizeClip(), nn.Unflatten(1, (1, -1)))
    channels = 1
    for i, pool in enumerate(pools):
        units, size = filters * 2**i, kernel - 2 * i
        front: list[nn.Module] = [nn.Conv1d(channels, units, size, padding="same")]
        if middle_relu:
            front.append(nn.ReLU(inplace=True))
        front += [nn.Conv1d(units, units, size, padding="same"), nn.MaxPool1d(pool)]
        network.append(InPieces(front, [nn.BatchNorm1d(units), nn.ReLU(inplace=True)]))
        channels = units
    return network.append(nn.Flatten())
