"""2D CNN on MFCC slices: paper 004, section 4.4.

Printed on GTZAN's 3-s slices: accuracy .72, macro F1 .71 (table 3), with siblings of each test
slice in the training part. 45,322 parameters for 130 frames x 13 coefficients. Table 2 contradicts
the text: filters (32, 64, 128), kernels (3, 3, 3), pools (2, 2, 2), which 13 coefficients bear only
with the padding "same" (372,362 parameters).
"""

from typing import Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import nn

from soundstage.nn.keras_init import keras_init
from soundstage.nn.same_pool import SamePool2d

AXES = ("frame", "coefficient")  # of its input


def mfcc_cnn(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    filters: tuple[PositiveInt, PositiveInt, PositiveInt] = (32, 32, 32),
    kernels: tuple[PositiveInt, PositiveInt, PositiveInt] = (3, 3, 2),
    pools: tuple[PositiveInt, PositiveInt, PositiveInt] = (3, 3, 2),
    padding: Literal["valid", "same"] = "valid",
    bn_momentum: PositiveFloat = 0.01,
    dropout: NonNegativeFloat = 0.3,
) -> nn.Module:
    """Three convolutions, each pooled by 2 and normalised, and two dense layers.

    Shape: (B, frames, coefficients), float32 -> (B, n_outputs) logits, float32

    input_shape : (frames, coefficients), with the text's kernels at least (11, 11); ValueError
        otherwise
    filters, kernels, padding : of the convolutions; "valid" takes kernel - 1 off each axis
    pools : sides of the pooling windows, which stand two positions apart whatever their size; those
        of the text are not printed, and are of the public tutorial that the paper builds on
    bn_momentum : share of each batch in the running statistics; 0.01 is Keras' default and needs
        hundreds of steps to settle, so take 0.1 for a small data set
    dropout : before the last layer

    The coefficients come unscaled, as the paper feeds them.
    """
    least = 1
    for kernel in reversed(kernels):  # a pooling makes ceil(n / 2) of n
        least = 2 * least - 1 + (kernel - 1 if padding == "valid" else 0)
    if len(input_shape) != 2 or min(input_shape) < least:
        raise ValueError(
            f"mfcc_cnn needs (frames, coefficients) of at least ({least}, {least}), "
            f"got {input_shape}"
        )
    network = nn.Sequential(nn.Unflatten(1, (1, input_shape[0])))
    channels, size = 1, list(input_shape)
    for units, kernel, pool in zip(filters, kernels, pools, strict=True):
        network.extend(
            [
                nn.Conv2d(channels, units, kernel, padding=padding),
                nn.ReLU(inplace=True),
                SamePool2d(pool),
                nn.BatchNorm2d(units, eps=1e-3, momentum=bn_momentum),
            ]
        )
        channels = units
        size = [-(-(n - (kernel - 1 if padding == "valid" else 0)) // 2) for n in size]
    network.extend(
        [
            nn.Flatten(),
            nn.Linear(channels * size[0] * size[1], 64),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(64, n_outputs),
        ]
    )
    return keras_init(network)
