"""The convolution block of paper 000's networks, along one axis or two."""

from torch import nn

LAYERS: dict[int, tuple[type[nn.Module], ...]] = {
    1: (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d),
    2: (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d),
}


def conv_block(
    in_channels: int,
    out_channels: int,
    *,
    pool: tuple[int, ...],
    leaky_slope: float,
    batch_norm: bool = False,
    bn_momentum: float = 0.01,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Conv (kernel 3, "same") -> LeakyReLU -> [BatchNorm] -> [MaxPool] -> [Dropout].

    Paper 000, tables 3.2.2 to 3.2.5. The normalisation follows the activation, because Keras
    computes the activation inside the convolution layer; its epsilon and momentum are Keras' (who
    counts momentum from the other end: 0.99).

    Shape: (B, in_channels, *axes) -> (B, out_channels, *(axis // p for axis, p in zip(axes, pool)))

    `pool` has one entry for each axis, so its length (1 or 2) chooses between Conv1d and Conv2d;
    all ones leaves the pooling out. `dropout` drops single values, not whole channels, as Keras
    does. The activation works in place: at the paper's length each tensor of cnn1d's first block
    takes 1 GB in a batch of 16.
    """
    if len(pool) not in LAYERS:
        raise ValueError(f"pool must have one or two entries, got {pool}")
    conv, norm, max_pool = LAYERS[len(pool)]
    block = nn.Sequential()
    block.add_module("conv", conv(in_channels, out_channels, 3, padding=1))
    block.add_module("leaky_relu", nn.LeakyReLU(leaky_slope, inplace=True))
    if batch_norm:
        block.add_module("batch_norm", norm(out_channels, eps=1e-3, momentum=bn_momentum))
    if any(p > 1 for p in pool):
        block.add_module("max_pool", max_pool(pool))
    if dropout > 0:
        block.add_module("dropout", nn.Dropout(dropout))
    return block
