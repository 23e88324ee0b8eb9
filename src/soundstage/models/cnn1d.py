"""Sample-based 1D CNN: paper 000, model (a), section 3.2.2, table 3.2.2.

Printed on MagnaTagATune's ten most frequent tags: mean AUC-ROC .8399, AUC-PR .5271 (table 4.2).
8,638,486 parameters for 465,984 samples (29.1 s at 16 kHz), a number that the paper does not print.
"""

from functools import partial

from pydantic import NonNegativeFloat, PositiveFloat
from torch import nn

from soundstage.nn.conv_block import conv_block
from soundstage.nn.full_scale import FullScale
from soundstage.nn.keras_init import keras_init
from soundstage.nn.pieces import InPieces

AXES = ("sample",)  # of its input
MIN_SAMPLES = 3**9  # nine poolings by 3


def cnn1d(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    leaky_slope: NonNegativeFloat = 0.3,
    bn_momentum: PositiveFloat = 0.01,
    dropout: NonNegativeFloat = 0.2,
    head_dropout: NonNegativeFloat = 0.1,
) -> nn.Module:
    """Ten convolution blocks, nine of which shorten the clip by 3, and two dense layers.

    Shape: (B, samples), int8, int16 or float -> (B, n_outputs) logits, float32

    input_shape : (samples,), at least 19,683; ValueError otherwise
    leaky_slope : slope of LeakyReLU below zero; the paper does not print it, 0.3 is Keras' default
    bn_momentum : share of each batch in the running statistics; 0.01 is Keras' default and needs
        hundreds of steps to settle, so take 0.1 for a small data set
    dropout, head_dropout : after each block but the fourth, and before the last layer
    """
    if len(input_shape) != 1 or input_shape[0] < MIN_SAMPLES:
        raise ValueError(
            f"cnn1d needs (samples,) with at least {MIN_SAMPLES} samples, got {input_shape}"
        )
    steps = input_shape[0] // MIN_SAMPLES  # 23 as printed
    block = partial(
        conv_block, pool=(3,), leaky_slope=leaky_slope, bn_momentum=bn_momentum, dropout=dropout
    )
    front = [
        FullScale(),
        block(1, 32),
        block(32, 64),
        block(64, 128),
        block(128, 128, dropout=0.0),
        block(128, 256),
        block(256, 256),
        block(256, 512),
    ]
    rest = [
        block(512, 512, batch_norm=True),
        block(512, 1024, batch_norm=True),
        block(1024, 1024, batch_norm=True, pool=(1,)),
        nn.Flatten(),
        nn.Linear(1024 * steps, 100),
        nn.LeakyReLU(leaky_slope, inplace=True),
        nn.Dropout(head_dropout),
        nn.Linear(100, n_outputs),
    ]
    return keras_init(InPieces(front, rest))
