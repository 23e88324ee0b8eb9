"""Two-layer LSTM on MFCC slices: paper 004, section 4.5 and table 2 (the model it calls RNN).

Printed on GTZAN's 3-s slices: accuracy .79, macro F1 .79 (table 3), with siblings of each test
slice in the training part. 57,802 trained parameters for 130 frames x 13 coefficients, as Keras
counts them; the second bias vectors of torch's LSTM stay zero.
"""

from pydantic import NonNegativeFloat
from torch import nn

from soundstage.nn.keras_init import keras_init
from soundstage.nn.last_state import LastState

AXES = ("frame", "coefficient")  # of its input


def mfcc_lstm(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    dropout: NonNegativeFloat = 0.3,
) -> nn.Module:
    """LSTM 64 over all frames, LSTM 64 of which the last state counts, dense 64, output.

    Shape: (B, frames, coefficients), float32 -> (B, n_outputs) logits, float32

    input_shape : (frames, coefficients), neither zero; ValueError otherwise
    dropout : before the last layer

    The coefficients come unscaled, as the paper feeds them.
    """
    if len(input_shape) != 2 or min(input_shape) < 1:
        raise ValueError(
            f"mfcc_lstm needs (frames, coefficients) of at least (1, 1), got {input_shape}"
        )
    network = nn.Sequential(
        LastState(nn.LSTM(input_shape[1], 64, num_layers=2, batch_first=True)),
        nn.Linear(64, 64),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(64, n_outputs),
    )
    return keras_init(network)
