"""CRNN on slices of a log-mel spectrogram: paper 002, section III, figure 2.

Printed on GTZAN, F1 of songs, mean of three runs (table III): .638 for slices of 30 s, .629 for
15 s, .735 for 10 s, .812 for 5 s, .847 for 3 s and .892 for 1 s. 540,874 parameters. Of 1 s the
recurrent layers see one step: the paper's best system has nothing to recur over.
"""

from math import prod
from typing import Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from soundstage.nn.keras_init import keras_init
from soundstage.nn.last_state import LastState
from soundstage.nn.steps import Steps

AXES = ("frequency", "frame")  # of its input
FILTERS = (64, 128, 128, 128, 128)  # figure 2
BAND_POOLS = (2, 4, 4, 4, 1)
MIN_BANDS = prod(BAND_POOLS)


def crnn(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    time_pools: tuple[PositiveInt, ...] = (2, 2, 2, 2, 2),
    input_norm: bool = True,
    recurrent: Literal["gru", "mean"] = "gru",
    units: PositiveInt = 32,
    bn_momentum: PositiveFloat = 0.01,
    dropout: NonNegativeFloat = 0.1,
    head_dropout: NonNegativeFloat = 0.3,
) -> nn.Module:
    """Five convolution blocks fold frequency away; two GRUs read what is left, step by step.

    Shape: (B, bands, frames), float32 decibels -> (B, n_outputs) logits, float32

    input_shape : (bands, frames), at least (128, product of time_pools); ValueError otherwise
    time_pools : by how much each of the five blocks shortens time; smaller ones leave more steps
    input_norm : normalise each band first, as the code that the paper builds on does (Nasrullah and
        Zhao 2019); the paper does not say
    recurrent : "mean" takes the mean over the steps in place of the GRUs, to see what they bring
    units : of each GRU; not printed
    bn_momentum : share of each batch in the running statistics; 0.01 is Keras' default and needs
        hundreds of steps to settle, so take 0.1 for a small data set
    dropout, head_dropout : after each block, and before the last layer

    A block is Conv 3 x 3 ("same") -> ELU -> BatchNorm -> MaxPool -> Dropout.
    """
    least = (MIN_BANDS, prod(time_pools))
    if len(input_shape) != 2 or input_shape[0] < least[0] or input_shape[1] < least[1]:
        raise ValueError(f"crnn needs (bands, frames) of at least {least}, got {input_shape}")
    network = nn.Sequential()
    if input_norm:
        network.append(nn.BatchNorm1d(input_shape[0], eps=1e-3, momentum=bn_momentum))
    network.append(nn.Unflatten(1, (1, input_shape[0])))
    channels = 1
    for filters, *pool in zip(FILTERS, BAND_POOLS, time_pools, strict=True):
        block = nn.Sequential(
            nn.Conv2d(channels, filters, 3, padding=1),
            nn.ELU(inplace=True),
            nn.BatchNorm2d(filters, eps=1e-3, momentum=bn_momentum),
            nn.MaxPool2d(tuple(pool)),
            nn.Dropout(dropout),
        )
        network.append(block)
        channels = filters
    width = channels * (input_shape[0] // MIN_BANDS)
    network.append(Steps())
    if recurrent == "gru":
        network.append(LastState(nn.GRU(width, units, num_layers=2, batch_first=True)))
        width = units
    else:
        network.append(_Mean())
    network.extend([nn.Dropout(head_dropout), nn.Linear(width, n_outputs)])
    return keras_init(network)


class _Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)  # (B, steps, C) -> (B, C)
