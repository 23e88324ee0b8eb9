"""Log-mel spectrogram."""

from typing import Literal

import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from soundstage.dsp.mel import decibels, mel_bands, mel_power
from soundstage.errors import SoundstageError

UNIT = "dB"
AXES = ("frequency", "frame")
DTYPE = "float32"


def mel(
    y: np.ndarray,
    sr: int,
    *,
    n_fft: PositiveInt = 2048,
    hop_length: PositiveInt = 512,
    n_mels: PositiveInt = 128,
    fmin: NonNegativeFloat = 0.0,
    fmax: PositiveFloat | None = None,
    top_db: PositiveFloat | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
) -> np.ndarray:
    """Power in mel bands, 10 log10 with 0 dB at a power of 1 and a floor of -100 dB.

    Frames are centred on samples 0, hop_length, 2·hop_length ... under a Hann window, with zeros
    beyond both ends. The bands are Slaney's: triangles of equal area on the mel scale.

    Args:
        y: float32 (n,), full scale ±1.
        sr: sample rate in Hz.
        n_fft: samples a frame.
        hop_length: samples from one frame to the next.
        n_mels: bands.
        fmin: lower edge of the first band in Hz.
        fmax: upper edge of the last band in Hz; None is sr / 2.
        top_db: raise whatever lies more than this many dB below the clip's maximum up to there.
            None, unlike librosa's 80, keeps each value a function of its own frame: a maximum
            over the clip would let one loud frame alter all others, and a cut of a clip would
            differ from the same cut of its spectrogram. A model that wants the floor clamps its
            own input.
        device: cuda transforms the frames on a GPU, in float32 too: as far from the reference.

    Returns:
        float32 (n_mels, 1 + n // hop_length), also for a clip shorter than one frame.

    Raises:
        ValueError: no samples.
        SoundstageError: a band so narrow, or so far above sr / 2, that no frequency bin is in it.

    Source: `librosa.feature.melspectrogram` and `librosa.power_to_db(ref=1.0)`. The transform is
    in float32: with librosa's `top_db=80` the root mean square of the difference to librosa is at
    most 1e-6 of that of the decibels. Below, a clip without any noise shows the rounding: a pure
    tone's skirts differ by up to 0.02 dB 100 dB below its peak, and by up to 0.5 dB further down.
    """
    if y.size == 0:
        raise ValueError("no samples")
    bands = mel_bands(sr, n_fft, n_mels, fmin, fmax)
    if bands.empty:
        raise SoundstageError(
            f"{bands.empty} of {n_mels} mel bands hold no frequency bin at {sr} Hz with "
            f"n_fft={n_fft}; lower n_mels, raise n_fft, or keep fmin < fmax <= sr / 2"
        )
    S = mel_power(y, bands, n_fft=n_fft, hop_length=hop_length, device=device)
    return decibels(S, top_db)
