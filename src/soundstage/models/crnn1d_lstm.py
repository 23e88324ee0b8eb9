"""Sample-based 1D CRNN with an LSTM: paper 000, model (b-LSTM), section 3.2.2, table 3.2.3.

Printed on MagnaTagATune's ten most frequent tags: mean AUC-ROC .3855, AUC-PR .3079 (table 4.2);
it finds no clip of any tag, so the training failed (213 steps, a learning rate of 1e-3, and no
bound on the gradient's norm). 1,583,638 trained parameters, as Keras counts them; the second bias
vector of torch's LSTM stays zero.
"""

from pydantic import NonNegativeFloat
from torch import nn

from soundstage.nn.crnn1d import crnn1d

AXES = ("sample",)  # of its input


def crnn1d_lstm(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    leaky_slope: NonNegativeFloat = 0.3,
    dropout: NonNegativeFloat = 0.2,
    head_dropout: NonNegativeFloat = 0.1,
) -> nn.Module:
    """Seven convolution blocks, an LSTM of 256 units, two dense layers.

    Shape: (B, samples), int8, int16 or float -> (B, n_outputs) logits, float32

    input_shape : (samples,), at least 2,187; ValueError otherwise
    leaky_slope : slope of LeakyReLU below zero; the paper does not print it, 0.3 is Keras' default
    dropout, head_dropout : after each block but the fourth, and before the last layer
    """
    return crnn1d(
        nn.LSTM,
        input_shape,
        n_outputs,
        leaky_slope=leaky_slope,
        dropout=dropout,
        head_dropout=head_dropout,
    )
