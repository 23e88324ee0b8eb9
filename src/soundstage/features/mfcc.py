"""MFCC of equal slices of a clip, as paper 004 feeds them to its deep models."""

from typing import Literal

import numpy as np
import scipy
from pydantic import PositiveFloat, PositiveInt

from soundstage.dsp.mel import decibels, mel_bands, mel_power
from soundstage.errors import SoundstageError

UNIT = "dB"
AXES = ("slice", "frame", "coefficient")
DTYPE = "float32"


def mfcc(
    y: np.ndarray,
    sr: int,
    *,
    slice_seconds: PositiveFloat = 3.0,
    n_mfcc: PositiveInt = 13,
    n_mels: PositiveInt = 128,
    top_db: PositiveFloat = 80.0,
    n_fft: PositiveInt = 2048,
    hop_length: PositiveInt = 512,
    device: Literal["cpu", "cuda"] = "cpu",
) -> np.ndarray:
    """Mel-frequency cepstral coefficients, each slice analysed as a clip of its own.

    A slice has L = round(slice_seconds · sr) samples and 1 + L // hop_length centred frames:
    66,150 samples and 130 frames at 22,050 Hz. The public tutorial that paper 004 builds on keeps
    the segments that give exactly that many frames, so a last slice that lacks at most
    L % hop_length samples counts as well (its missing samples are the zeros that centring pads
    with); a shorter remainder is dropped. Hence (n + L % hop_length) // L slices: a GTZAN clip of
    661,408 samples (92 short of ten whole slices) has 10, one of 661,344 has 9.

    Args:
        y: float32 (n,), full scale ±1.
        sr: sample rate in Hz.
        slice_seconds: length of a slice; at least one analysis frame and one hop.
        n_mfcc: coefficients, at most `n_mels`.
        n_mels: mel bands that they are made from.
        top_db: what lies more than this many dB below a slice's maximum is raised up to there.
        n_fft: samples a frame.
        hop_length: samples from one frame to the next.
        device: cuda transforms the frames on a GPU, in float32 too: as far from the reference.

    Returns:
        float32 (slices, frames, n_mfcc), unscaled; (0, frames, n_mfcc) for a clip below one slice.

    Raises:
        ValueError: no samples.
        SoundstageError: a slice shorter than a frame or a hop, or too many coefficients.

    Source: paper 004, section 4.1 and table 2; `librosa.feature.mfcc`. The transform is in float32:
    the root mean square of the difference to librosa is at most 1e-6 of that of the coefficients.
    """
    if y.size == 0:
        raise ValueError("no samples")
    length = round(slice_seconds * sr)
    if length < max(n_fft, hop_length):
        raise SoundstageError(
            f"a slice of {slice_seconds} s is {length} samples at {sr} Hz, less than n_fft={n_fft} "
            f"or hop_length={hop_length}; raise slice_seconds"
        )
    if n_mfcc > n_mels:
        raise SoundstageError(f"n_mfcc={n_mfcc} but there are {n_mels} mel bands; lower n_mfcc")
    slices = (y.size + length % hop_length) // length
    coefficients = np.empty((slices, 1 + length // hop_length, n_mfcc), np.float32)
    bands = mel_bands(sr, n_fft, n_mels, fmin=0.0, fmax=None)
    for i, row in enumerate(coefficients):
        cut = y[i * length : (i + 1) * length]
        power = mel_power(cut, bands, n_fft=n_fft, hop_length=hop_length, device=device)
        S = decibels(power, top_db)
        row[:] = scipy.fft.dct(S, axis=0, norm="ortho")[:n_mfcc].T
    return coefficients
