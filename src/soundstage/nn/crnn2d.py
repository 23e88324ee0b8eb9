"""The three 2D CRNNs of paper 000, models (d): one network but for its recurrent layer."""

from functools import partial

from torch import nn

from soundstage.nn.ceiling import Ceiling
from soundstage.nn.conv_block import conv_block
from soundstage.nn.keras_init import keras_init
from soundstage.nn.last_state import LastState
from soundstage.nn.pieces import InPieces
from soundstage.nn.steps import Steps

MIN_BINS, MIN_FRAMES = 2**7, 2**4  # seven poolings by 2 in frequency, four in time


def crnn2d(
    cell: type[nn.RNN | nn.LSTM | nn.GRU],
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    psd_ceiling: float,
    leaky_slope: float,
    bn_momentum: float,
    dropout: float,
) -> nn.Module:
    """Seven convolution blocks fold frequency away; a recurrent layer reads what is left.

    Shape: (B, bins, frames), float32 power spectral density -> (B, n_outputs) logits, float32

    Paper 000, section 3.2.2, table 3.2.5: 256 units of `cell`, whose last state one dense layer
    reads. The paper says that only the last pool leaves time alone; its shapes say the last three.
    ValueError for an input that is not (bins, frames) of at least (128, 16).
    """
    if len(input_shape) != 2 or input_shape[0] < MIN_BINS or input_shape[1] < MIN_FRAMES:
        raise ValueError(
            f"crnn2d_{cell.__name__.lower()} needs (bins, frames) of at least "
            f"({MIN_BINS}, {MIN_FRAMES}), got {input_shape}"
        )
    block = partial(
        conv_block, pool=(2, 2), leaky_slope=leaky_slope, bn_momentum=bn_momentum, dropout=dropout
    )
    front = [
        Ceiling(psd_ceiling),
        block(1, 16),
        block(16, 16),
        block(16, 32),
        block(32, 64),
        block(64, 128, pool=(2, 1)),
    ]
    rest = [
        block(128, 128, pool=(2, 1), batch_norm=True),
        block(128, 128, pool=(2, 1), batch_norm=True),
        Steps(),
        LastState(cell(128 * (input_shape[0] // MIN_BINS), 256, batch_first=True)),
        nn.Linear(256, n_outputs),
    ]
    return keras_init(InPieces(front, rest))
