"""Chunk 1D CNN with global max pooling: paper 000, model (c), section 3.2.2, table 3.2.4.

Printed on MagnaTagATune's ten most frequent tags: mean AUC-ROC .8572, AUC-PR .5755 (table
4.2). 133,690 parameters for a clip of any length, a number that the paper does not print.
"""

from functools import partial

from pydantic import NonNegativeFloat, PositiveFloat
from torch import nn

from soundstage.nn.conv_block import conv_block
from soundstage.nn.full_scale import FullScale
from soundstage.nn.keras_init import keras_init
from soundstage.nn.pieces import InPieces

AXES = ("sample",)  # of its input
MIN_SAMPLES = 3**6  # six poolings by 3


def cnn1d_chunk(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    leaky_slope: NonNegativeFloat = 0.3,
    bn_momentum: PositiveFloat = 0.01,
    dropout: NonNegativeFloat = 0.2,
    head_dropout: NonNegativeFloat = 0.1,
) -> nn.Module:
    """Seven convolution blocks, each channel's largest value over the clip, one dense layer.

    Shape: (B, samples), int8, int16 or float -> (B, n_outputs) logits, float32

    input_shape : (samples,), at least 729; ValueError otherwise
    leaky_slope : slope of LeakyReLU below zero; the paper does not print it, 0.3 is Keras' default
    bn_momentum : share of each batch in the running statistics; 0.01 is Keras' default and needs
        hundreds of steps to settle, so take 0.1 for a small data set
    dropout, head_dropout : after each pooled block, and before the last layer
    """
    if len(input_shape) != 1 or input_shape[0] < MIN_SAMPLES:
        raise ValueError(
            f"cnn1d_chunk needs (samples,) with at least {MIN_SAMPLES} samples, got {input_shape}"
        )
    block = partial(
        conv_block, pool=(3,), leaky_slope=leaky_slope, bn_momentum=bn_momentum, dropout=dropout
    )
    front = [
        FullScale(),
        block(1, 16),
        block(16, 16),
        block(16, 32),
        block(32, 64),
        block(64, 128),
    ]
    rest = [
        block(128, 128, batch_norm=True),
        block(128, 128, batch_norm=True, pool=(1,), dropout=0.0),
        nn.AdaptiveMaxPool1d(1),
        nn.Flatten(),
        nn.Dropout(head_dropout),
        nn.Linear(128, n_outputs),
    ]
    return keras_init(InPieces(front, rest))
