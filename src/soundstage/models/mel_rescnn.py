"""Residual CNN on mel spectrograms: paper 001, section 4.2, and the author's figure of it.

Printed on FMA-small: accuracy .85, F1 .67 (table 1). Both cannot be those of one decision among
eight genres; the validation losses of the author's curves, 1.46 to 1.99 at the end, speak for
half of the clips at best. 857,922 parameters; the paper prints neither that nor any size, so they
are those of nnet2 of Zhang, Lei, Xu and Xing 2016, which the figure resembles.
"""

from typing import Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import nn

from soundstage.nn.augment import augment
from soundstage.nn.dense import dense
from soundstage.nn.mel_trunk import mel_trunk

AXES = ("sample",)  # of its input


def mel_rescnn(
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    sr: PositiveInt,
    n_fft: PositiveInt = 2048,
    hop_length: PositiveInt = 528,
    n_mels: PositiveInt = 128,
    decibels: bool = True,
    top_db: PositiveFloat = 80.0,
    norm: Literal["train", "clip"] = "train",
    channels: PositiveInt = 256,
    width: PositiveInt = 4,
    hidden: tuple[PositiveInt, ...] = (300, 150),
    dropout: NonNegativeFloat = 0.2,
    noise_p: NonNegativeFloat = 0.5,
    noise_min: NonNegativeFloat = 0.001,
    noise_max: NonNegativeFloat = 0.015,
    stretch_p: NonNegativeFloat = 0.5,
    stretch_min: PositiveFloat = 0.8,
    stretch_max: PositiveFloat = 1.25,
) -> nn.Module:
    """Mel spectrogram, three convolutions around a skip, max and mean over time, dense layers.

    Shape: (B, samples), int8, int16 or float -> (B, n_outputs) logits, float32

    input_shape : (samples,), at least (width - 1) * hop_length, 1,584; ValueError otherwise
    sr : sample rate of the input in Hz
    n_fft, hop_length, n_mels, decibels, top_db : see `nn.log_mel.LogMel`; decibels=False for the
        power itself, the paper does not say which
    norm : standardise each band by the training part's frames, or by the clip's own; with "train"
        the network has a `Standardize`, to be fitted on the training part before use
    channels, width : of each convolution; the first is as high as the spectrogram
    hidden, dropout : units of the dense layers before the last, and after each of them
    noise_p, noise_min, noise_max : see `nn.augment.Noise`; standard deviation, full scale 1
    stretch_p, stretch_min, stretch_max : see `nn.augment.TimeStretch`; above 1 is faster

    Clips are noised and stretched, as waveforms, in training mode only. The default ranges are
    those of audiomentations; the paper has both effects, but no figures.
    """
    least = (width - 1) * hop_length
    if len(input_shape) != 1 or input_shape[0] < max(least, 1):
        raise ValueError(
            f"mel_rescnn needs (samples,) with at least {max(least, 1)} samples, got {input_shape}"
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
        mel_trunk(
            sr,
            n_fft=n_fft,
            hop_length=hop_length,
            n_mels=n_mels,
            decibels=decibels,
            top_db=top_db,
            norm=norm,
            channels=channels,
            width=width,
        ),
        dense(2 * channels, hidden, n_outputs, dropout=dropout),
    )
