"""Spectrogram 2D CRNN with a GRU: paper 000, model (d-GRU), section 3.2.2, table 3.2.5.

Printed on MagnaTagATune's ten most frequent tags: mean AUC-ROC .9016, AUC-PR .6508 (table
4.2), with 694,170 parameters for 129 bins x 2080 frames. It is the paper's best model: the .9032
printed for b-GRU contains an impossible cell.
"""

from functools import partial

from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from soundstage.nn.conv_block import conv_block
from soundstage.nn.keras_init import keras_init
from soundstage.nn.last_state import LastState

MIN_BINS, MIN_FRAMES = 2**7, 2**4  # seven poolings by 2 in frequency, four in time


def crnn2d_gru(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    psd_ceiling: PositiveFloat = 512.0,
    leaky_slope: NonNegativeFloat = 0.3,
    bn_momentum: PositiveFloat = 0.01,
    dropout: NonNegativeFloat = 0.2,
) -> nn.Module:
    """Seven convolution blocks fold frequency away; a GRU reads what is left, step by step.

    Shape: (B, bins, frames), float32 power spectral density -> (B, n_outputs) logits, float32

    input_shape : (bins, frames), at least (128, 16); ValueError otherwise
    psd_ceiling : larger densities are cut to it, and all are divided by it (section 3.2.1)
    leaky_slope : slope of LeakyReLU below zero; the paper does not print it, 0.3 is Keras' default
    bn_momentum : share of each batch in the running statistics; 0.01 is Keras' default and needs
        hundreds of steps to settle, so take 0.1 for a small data set
    dropout : after each block

    The paper says that only the last pool leaves time alone; its shapes say the last three.
    """
    if len(input_shape) != 2 or input_shape[0] < MIN_BINS or input_shape[1] < MIN_FRAMES:
        raise ValueError(
            f"crnn2d_gru needs (bins, frames) of at least ({MIN_BINS}, {MIN_FRAMES}), "
            f"got {input_shape}"
        )
    block = partial(
        conv_block, pool=(2, 2), leaky_slope=leaky_slope, bn_momentum=bn_momentum, dropout=dropout
    )
    blocks = nn.Sequential(
        block(1, 16),
        block(16, 16),
        block(16, 32),
        block(32, 64),
        block(64, 128, pool=(2, 1)),
        block(128, 128, pool=(2, 1), batch_norm=True),
        block(128, 128, pool=(2, 1), batch_norm=True),
    )
    gru = nn.GRU(128 * (input_shape[0] // MIN_BINS), 256, batch_first=True)
    return keras_init(_CRNN(psd_ceiling, blocks, LastState(gru), nn.Linear(256, n_outputs)))


class _CRNN(nn.Module):
    def __init__(self, ceiling: float, blocks: nn.Module, gru: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.ceiling = ceiling
        self.blocks = blocks
        self.gru = gru
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        z = x.float().clamp(max=self.ceiling).unsqueeze(1) / self.ceiling  # (B, 1, bins, frames)
        z = self.blocks(z)  # (B, 128, bins // 128, frames // 16)
        z = z.flatten(1, 2).transpose(1, 2)  # (B, frames // 16, 128 * (bins // 128))
        return self.head(self.gru(z))
