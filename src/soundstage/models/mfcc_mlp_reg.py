"""Regularised multi-layer perceptron on MFCC slices: paper 004, section 4.3.1 and table 2.

Printed on GTZAN's 3-s slices: accuracy .55, macro F1 .54 (table 3), with siblings of each test
slice in the training part; lower than without regularisation. 1,014,218 parameters for 130 frames x
13 coefficients; 474,698 with the hidden layers of table 2, (256, 128, 64), which contradicts the
text.
"""

from math import prod

from pydantic import NonNegativeFloat, PositiveInt
from torch import nn

from soundstage.nn.dense import dense
from soundstage.nn.keras_init import keras_init
from soundstage.nn.l2 import Penalized

AXES = ("frame", "coefficient")  # of its input


def mfcc_mlp_reg(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    hidden: tuple[PositiveInt, ...] = (512, 256, 64),
    l2: NonNegativeFloat = 0.001,
    dropout: NonNegativeFloat = 0.3,
) -> nn.Module:
    """Dense layers over all frames at once, each penalised and thinned, and the output.

    Shape: (B, frames, coefficients), float32 -> (B, n_outputs) logits, float32

    input_shape : (frames, coefficients), neither zero; ValueError otherwise
    hidden : units of the dense layers
    l2 : times the sum of squares of their kernels, is added to the loss, see `nn.l2.Penalized`
    dropout : after each of them

    The coefficients come unscaled, as the paper feeds them.
    """
    if len(input_shape) != 2 or min(input_shape) < 1:
        raise ValueError(
            f"mfcc_mlp_reg needs (frames, coefficients) of at least (1, 1), got {input_shape}"
        )
    layers = dense(prod(input_shape), hidden, n_outputs, dropout=dropout, l2=l2)
    return keras_init(Penalized(nn.Flatten(), layers))
