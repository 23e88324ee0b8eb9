"""Spectrogram 2D CRNN with a plain RNN: paper 000, model (d-RNN), section 3.2.2, table 3.2.5.

Printed on MagnaTagATune's ten most frequent tags: mean AUC-ROC .8244, AUC-PR .4990 (table 4.2).
496,282 trained parameters for 129 bins x 2080 frames, as Keras counts them; the second bias vector
of torch's RNN stays zero.
"""

from pydantic import NonNegativeFloat, PositiveFloat
from torch import nn

from soundstage.nn.crnn2d import crnn2d

AXES = ("frequency", "frame")  # of its input
UNIT = "PCM-8 steps squared per cycle/sample"


def crnn2d_rnn(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    psd_ceiling: PositiveFloat = 512.0,
    leaky_slope: NonNegativeFloat = 0.3,
    bn_momentum: PositiveFloat = 0.01,
    dropout: NonNegativeFloat = 0.2,
) -> nn.Module:
    """Seven convolution blocks fold frequency away; a plain RNN reads what is left, step by step.

    Shape: (B, bins, frames), float32 power spectral density -> (B, n_outputs) logits, float32

    input_shape : (bins, frames), at least (128, 16); ValueError otherwise
    psd_ceiling : larger densities are cut to it, and all are divided by it (section 3.2.1)
    leaky_slope : slope of LeakyReLU below zero; the paper does not print it, 0.3 is Keras' default
    bn_momentum : share of each batch in the running statistics; 0.01 is Keras' default and needs
        hundreds of steps to settle, so take 0.1 for a small data set
    dropout : after each block
    """
    return crnn2d(
        nn.RNN,
        input_shape,
        n_outputs,
        psd_ceiling=psd_ceiling,
        leaky_slope=leaky_slope,
        bn_momentum=bn_momentum,
        dropout=dropout,
    )
