"""1D CNN on raw audio: paper 001, section 4.1.

Printed on FMA-small: accuracy .89, F1 .69 (table 1). Both cannot be those of one decision among
eight genres; the validation losses of the author's curves, 1.46 to 1.99 at the end, speak for
half of the clips at best. 159,576 parameters for 661,500 samples (15 s at 44,100 Hz); the paper
prints neither that nor any size but the rule by which kernels and filters change.
"""

from math import prod

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import nn

from soundstage.nn.augment import augment
from soundstage.nn.wave_trunk import wave_trunk

AXES = ("sample",)  # of its input


def wave_cnn(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    filters: PositiveInt = 16,
    kernel: PositiveInt = 9,
    pools: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (16, 16, 8, 8),
    middle_relu: bool = False,
    dropout: NonNegativeFloat = 0.5,
    noise_p: NonNegativeFloat = 0.5,
    noise_min: NonNegativeFloat = 0.001,
    noise_max: NonNegativeFloat = 0.015,
    stretch_p: NonNegativeFloat = 0.5,
    stretch_min: PositiveFloat = 0.8,
    stretch_max: PositiveFloat = 1.25,
) -> nn.Module:
    """Four blocks of two convolutions each, flattened into one dense layer.

    Shape: (B, samples), int8, int16 or float -> (B, n_outputs) logits, float32

    input_shape : (samples,), at least the product of pools, 16,384; ValueError otherwise
    filters, kernel : of the first block; from block to block filters double, kernels lose 2
    pools : by how much each block shortens the clip
    middle_relu : a ReLU between the two convolutions of a block; the paper names none
    dropout : before the last layer
    noise_p, noise_min, noise_max : see `nn.augment.Noise`; standard deviation, full scale 1
    stretch_p, stretch_min, stretch_max : see `nn.augment.TimeStretch`; above 1 is faster

    Each clip is standardised by itself. Clips are noised and stretched in training mode only. The
    default ranges are those of audiomentations; the paper has both effects, but no figures.
    """
    least = prod(pools)
    if len(input_shape) != 1 or input_shape[0] < least:
        raise ValueError(
            f"wave_cnn needs (samples,) with at least {least} samples, got {input_shape}"
        )
    return nn.Sequential(
        augment(
            noise_p=noise_p,
            noise_min=noise_min,
            noise_max=noise_max,
            stretch_p=stretch_p,
            stretch_min=stretch_min,
            stretch_max=stretch_max,
        ),
        wave_trunk(filters=filters, kernel=kernel, pools=pools, middle_relu=middle_relu),
        nn.Dropout(dropout),
        nn.Linear(8 * filters * (input_shape[0] // least), n_outputs),
    )
