"""Augmentation of waveforms in training, where the network is: noise and time stretch."""

import math

import torch
from torch import Tensor, nn

from soundstage.nn.full_scale import full_scale


class Noise(nn.Module):
    """Add white Gaussian noise to some of the clips, while training.

    Shape: (B, samples), int8, int16 or float -> (B, samples), float32, full scale 1

    Each clip is chosen with probability `p`, and gets a standard deviation of its own between
    `low` and `high`, in units of full scale. All draws are from torch's own generators.
    """

    def __init__(self, p: float, low: float, high: float) -> None:
        super().__init__()
        self.p = p
        self.low = low
        self.high = high

    def forward(self, y: Tensor) -> Tensor:
        """Return a changed copy in training mode, else `y` at full scale 1."""
        y = full_scale(y)
        if not self.training or self.p == 0:
            return y
        draws = torch.rand(2, len(y), 1, device=y.device)
        amplitude = (self.low + (self.high - self.low) * draws[0]) * (draws[1] < self.p)
        return y + amplitude * torch.randn_like(y)


class TimeStretch(nn.Module):
    """Play some of the clips faster or slower at the same pitch, while training.

    Shape: (B, samples) -> (B, samples), float32

    Each clip is chosen with probability `p`, and gets a rate of its own between `low` and `high`
    (above 1: faster). See `time_stretch`. All draws are from torch's own generator.
    """

    def __init__(self, p: float, low: float, high: float) -> None:
        super().__init__()
        self.p = p
        self.low = low
        self.high = high

    def forward(self, y: Tensor) -> Tensor:
        """Return a changed copy in training mode, else `y` in float32."""
        y = y.float()
        if not self.training or self.p == 0:
            return y
        # On the CPU: the choice decides about shapes, which a GPU would have to be waited for.
        draws = torch.rand(2, len(y), device="cpu")
        (chosen,) = torch.where(draws[1] < self.p)
        if len(chosen) == 0:
            return y
        rate = self.low + (self.high - self.low) * draws[0, chosen]
        chosen = chosen.to(y.device)
        return y.index_copy(0, chosen, time_stretch(y[chosen], rate.to(y.device)))


def time_stretch(y: Tensor, rate: Tensor, *, n_fft: int = 2048, hop_length: int = 512) -> Tensor:
    """Stretch each clip by 1 / rate with a phase vocoder, then cut or fill up to its old length.

    Shape: y (B, samples), float32; rate (B,) -> (B, samples)

    A clip that has become shorter ends in zeros, one that has become longer loses its end.

    Source: Flanagan and Golden 1966, in the form of `librosa.phase_vocoder`: magnitudes between
    two frames are interpolated, phases advance by as much as between these two. From there it
    differs in the last n_fft / 2 samples of a shortened clip, which fade out.
    """
    samples = y.shape[1]
    window = torch.hann_window(n_fft, device=y.device)
    S = torch.stft(
        y, n_fft, hop_length, window=window, pad_mode="constant", return_complex=True
    )  # (B, bins, frames)
    bins, frames = S.shape[1:]

    # Output frame t is found at rate * t between two frames; after the last frame is silence. The
    # frames centred just behind the cut reach into it.
    at = torch.arange(frames + n_fft // (2 * hop_length), device=y.device) * rate[:, None]
    left = at.long().clamp(max=frames)
    part = (at - left)[:, None]
    S = nn.functional.pad(S, (0, 2))
    magnitude, turns = S.abs(), S.angle() / (2 * math.pi)

    def near(x: Tensor, frame: Tensor) -> Tensor:
        return x.gather(2, frame[:, None].expand(-1, bins, -1))

    before, after = near(magnitude, left), near(magnitude, left + 1)
    # One hop advances a bin's phase by whole turns, which do not count, and by this much.
    whole = torch.arange(bins, device=y.device) * hop_length % n_fft
    expected = (whole / n_fft)[:, None]
    advance = near(turns, left + 1) - near(turns, left) - expected
    advance = advance - advance.round() + expected
    # Summed as integers, 2^32 a turn: exact, and the same in whatever order a GPU adds.
    steps = (advance * 2**32).long()
    passed = ((steps.cumsum(2) - steps) % 2**32).float() / 2**32
    phase = 2 * math.pi * (turns[:, :, :1] + passed)

    stretched = torch.istft(
        torch.polar(torch.lerp(before, after, part.clamp(max=1)), phase),
        n_fft,
        hop_length,
        window=window,
        length=samples,
    )
    length = (samples / rate).round()[:, None]
    return stretched * (torch.arange(samples, device=y.device) < length)


def augment(
    *,
    noise_p: float,
    noise_min: float,
    noise_max: float,
    stretch_p: float,
    stretch_min: float,
    stretch_max: float,
) -> nn.Sequential:
    """Return `Noise`, then `TimeStretch`.

    Shape: (B, samples), int8, int16 or float -> (B, samples), float32, full scale 1
    """
    return nn.Sequential(
        Noise(noise_p, noise_min, noise_max), TimeStretch(stretch_p, stretch_min, stretch_max)
    )
