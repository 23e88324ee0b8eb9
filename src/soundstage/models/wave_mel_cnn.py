"""Combined CNN on raw audio and its mel spectrogram: paper 001, section 4.3, and its figure.

Printed on FMA-small: accuracy .86, F1 .68 (table 1). Both cannot be those of one decision among
eight genres; the validation losses of the author's curves, 1.46 to 1.99 at the end, speak for
half of the clips at best. 3,833,368 parameters for 661,500 samples (15 s at 44,100 Hz). The text
has one dense layer; four, and their sizes, are from the author's figure 3.
"""

from math import prod
from typing import Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, cat, nn

from soundstage.nn.augment import augment
from soundstage.nn.dense import dense
from soundstage.nn.mel_trunk import mel_trunk
from soundstage.nn.wave_trunk import wave_trunk

AXES = ("sample",)  # of its input


def wave_mel_cnn(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    sr: PositiveInt,
    filters: PositiveInt = 16,
    kernel: PositiveInt = 9,
    pools: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (16, 16, 8, 8),
    middle_relu: bool = False,
    n_fft: PositiveInt = 2048,
    hop_length: PositiveInt = 528,
    n_mels: PositiveInt = 128,
    decibels: bool = True,
    top_db: PositiveFloat = 80.0,
    norm: Literal["train", "clip"] = "train",
    channels: PositiveInt = 256,
    width: PositiveInt = 4,
    hidden: tuple[PositiveInt, ...] = (512, 256, 128, 64),
    dropout: NonNegativeFloat = 0.2,
    noise_p: NonNegativeFloat = 0.5,
    noise_min: NonNegativeFloat = 0.001,
    noise_max: NonNegativeFloat = 0.015,
    stretch_p: NonNegativeFloat = 0.5,
    stretch_min: PositiveFloat = 0.8,
    stretch_max: PositiveFloat = 1.25,
) -> nn.Module:
    """Features of `wave_cnn` and of `mel_rescnn` side by side, read by dense layers.

    Shape: (B, samples), int8, int16 or float -> (B, n_outputs) logits, float32

    input_shape : (samples,), at least the product of pools, 16,384, and (width - 1) * hop_length;
        ValueError otherwise
    filters, kernel, pools, middle_relu : see `wave_cnn`
    sr, n_fft, hop_length, n_mels, decibels, top_db, norm, channels, width : see `mel_rescnn`
    hidden, dropout : units of the dense layers before the last, and after each of them
    noise_p, noise_min, noise_max, stretch_p, stretch_min, stretch_max : see `wave_cnn`; both
        halves get the same changed clip

    Both halves are trained together from the start; the paper does not say.
    """
    least = max(prod(pools), (width - 1) * hop_length)
    if len(input_shape) != 1 or input_shape[0] < least:
        raise ValueError(
            f"wave_mel_cnn needs (samples,) with at least {least} samples, got {input_shape}"
        )
    wave = wave_trunk(filters=filters, kernel=kernel, pools=pools, middle_relu=middle_relu)
    mel = mel_trunk(
        sr,
        n_fft=n_fft,
        hop_length=hop_length,
        n_mels=n_mels,
        decibels=decibels,
        top_db=top_db,
        norm=norm,
        channels=channels,
        width=width,
    )
    features = 8 * filters * (input_shape[0] // prod(pools)) + 2 * channels
    return nn.Sequential(
        augment(
            noise_p=noise_p,
            noise_min=noise_min,
            noise_max=noise_max,
            stretch_p=stretch_p,
            stretch_min=stretch_min,
            stretch_max=stretch_max,
        ),
        _SideBySide(wave, mel),
        dense(features, hidden, n_outputs, dropout=dropout),
    )


class _SideBySide(nn.Module):
    def __init__(self, wave: nn.Module, mel: nn.Module) -> None:
        super().__init__()
        self.wave = wave
        self.mel = mel

    def forward(self, y: Tensor) -> Tensor:
        return cat([self.wave(y), self.mel(y)], dim=1)
