"""The 2D half of paper 001's networks, from the waveform up to its pooled features."""

from typing import Literal

import torch
from torch import Tensor, nn

from soundstage.nn.log_mel import LogMel
from soundstage.nn.standardize import Standardize, StandardizeClip


def mel_trunk(
    sr: int,
    *,
    n_fft: int,
    hop_length: int,
    n_mels: int,
    decibels: bool,
    top_db: float,
    norm: Literal["train", "clip"],
    channels: int,
    width: int,
) -> nn.Sequential:
    """Mel spectrogram, standardised in each band; three convolutions around a skip; two poolings.

    Shape: (B, samples) -> (B, 2 * channels), float32

    Paper 001, section 4.2, which has a skip and two poolings. That the skip runs from behind the
    first of three convolutions to before the pooling is from the author's figure, and the sizes are
    those of nnet2 of Zhang, Lei, Xu and Xing 2016. Each channel's largest and mean value over time
    stand side by side. `norm` takes the statistics of each band from the training part, or from the
    clip itself. See `LogMel` for the other arguments.
    """
    scaler = Standardize((n_mels, 1)) if norm == "train" else StandardizeClip()
    return nn.Sequential(
        LogMel(
            sr,
            n_fft=n_fft,
            hop_length=hop_length,
            n_mels=n_mels,
            decibels=decibels,
            top_db=top_db,
        ),
        scaler,
        # A kernel as high as the spectrogram leaves no frequency axis: a 1D convolution over bands.
        nn.Conv1d(n_mels, channels, width),
        nn.BatchNorm1d(channels),
        nn.ReLU(inplace=True),
        _Skip(
            nn.Conv1d(channels, channels, width, padding=width // 2),
            nn.BatchNorm1d(channels),
            nn.ReLU(inplace=True),
            nn.Conv1d(channels, channels, width, padding=(width - 1) // 2),
            nn.BatchNorm1d(channels),
        ),
        nn.ReLU(inplace=True),
        _MaxAndMean(),
    )


class _Skip(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class _MaxAndMean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.amax(-1), x.mean(-1)], dim=1)  # (B, C, frames) -> (B, 2 * C)
