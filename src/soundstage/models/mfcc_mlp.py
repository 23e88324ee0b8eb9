"""Multi-layer perceptron on MFCC slices: paper 004, section 4.3.

Printed on GTZAN's 3-s slices: accuracy .59, macro F1 .58 (table 3), with siblings of each test
slice in the training part. 1,014,218 parameters for 130 frames x 13 coefficients; 474,698 with the
hidden layers of table 2, (256, 128, 64), which contradicts the text.
"""

from math import prod

from pydantic import PositiveInt
from torch import nn

from soundstage.nn.dense import dense
from soundstage.nn.keras_init import keras_init

AXES = ("frame", "coefficient")  # of its input


def mfcc_mlp(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    hidden: tuple[PositiveInt, ...] = (512, 256, 64),
) -> nn.Module:
    """Dense layers over all frames at once, and the output.

    Shape: (B, frames, coefficients), float32 -> (B, n_outputs) logits, float32

    input_shape : (frames, coefficients), neither zero; ValueError otherwise
    hidden : units of the dense layers

    The coefficients come unscaled, as the paper feeds them.
    """
    if len(input_shape) != 2 or min(input_shape) < 1:
        raise ValueError(
            f"mfcc_mlp needs (frames, coefficients) of at least (1, 1), got {input_shape}"
        )
    return keras_init(nn.Sequential(nn.Flatten(), dense(prod(input_shape), hidden, n_outputs)))
