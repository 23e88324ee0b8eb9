"""1D CNN along a clip's 58 statistics: paper 003, section 4.

Printed on GTZAN: accuracy .77 on 100 songs (section 6.1, figure 3), most likely the ones it was
selected on. 114,250 parameters. Section 4.1 and the layer table, figure 4, print that total, but
the table's rows sum to 112,298; this is the network of the text, which with 58 inputs has exactly
the printed total.
"""

from pydantic import NonNegativeFloat
from torch import nn

from soundstage.nn.keras_init import keras_init
from soundstage.nn.standardize import Standardize

AXES = ("column",)  # of its input
MIN_STATISTICS = 10  # 10 -> conv 8 -> pool 4 -> conv 2 -> pool 1


def stats_cnn(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    dropout: NonNegativeFloat = 0.5,
) -> nn.Module:
    """Two unpadded convolutions, each pooled by 2, and two dense layers.

    Shape: (B, statistics), float32 -> (B, n_outputs) logits, float32

    input_shape : (statistics,), at least 10; ValueError otherwise
    dropout : before the last layer

    Its first layer is a `Standardize`, to be fitted on the training part before use. The order of
    the columns carries no meaning: a convolution along it is the paper's idea, not ours.
    """
    if len(input_shape) != 1 or input_shape[0] < MIN_STATISTICS:
        raise ValueError(
            f"stats_cnn needs (statistics,) with at least {MIN_STATISTICS}, got {input_shape}"
        )
    steps = ((input_shape[0] - 2) // 2 - 2) // 2  # 13 as published
    network = nn.Sequential(
        Standardize(input_shape),
        nn.Unflatten(1, (1, input_shape[0])),
        nn.Conv1d(1, 32, 3),
        nn.ReLU(inplace=True),
        nn.MaxPool1d(2),
        nn.Conv1d(32, 64, 3),
        nn.ReLU(inplace=True),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Linear(64 * steps, 128),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(128, n_outputs),
    )
    return keras_init(network)
