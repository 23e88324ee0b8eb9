"""The three 1D CRNNs of paper 000, models (b): one network but for its recurrent layer."""

from functools import partial

from torch import nn

from soundstage.nn.conv_block import conv_block
from soundstage.nn.full_scale import FullScale
from soundstage.nn.keras_init import keras_init
from soundstage.nn.last_state import LastState
from soundstage.nn.pieces import InPieces
from soundstage.nn.steps import Steps

MIN_SAMPLES = 3**7  # seven poolings by 3


def crnn1d(
    cell: type[nn.RNN | nn.LSTM | nn.GRU],
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    leaky_slope: float,
    dropout: float,
    head_dropout: float,
) -> nn.Module:
    """Seven convolution blocks, each of which shortens the clip by 3, and a recurrent layer.

    Shape: (B, samples), int8, int16 or float -> (B, n_outputs) logits, float32

    Paper 000, section 3.2.2, table 3.2.3: the first seven blocks of model (a), then 256 units of
    `cell`, whose last state two dense layers read. No block has a normalisation. ValueError for an
    input that is not (samples,) with at least 2,187 of them.
    """
    if len(input_shape) != 1 or input_shape[0] < MIN_SAMPLES:
        raise ValueError(
            f"crnn1d_{cell.__name__.lower()} needs (samples,) with at least {MIN_SAMPLES} samples, "
            f"got {input_shape}"
        )
    block = partial(conv_block, pool=(3,), leaky_slope=leaky_slope, dropout=dropout)
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
        Steps(),
        LastState(cell(512, 256, batch_first=True)),
        nn.Linear(256, 100),
        nn.LeakyReLU(leaky_slope, inplace=True),
        nn.Dropout(head_dropout),
        nn.Linear(100, n_outputs),
    ]
    return keras_init(InPieces(front, rest))
