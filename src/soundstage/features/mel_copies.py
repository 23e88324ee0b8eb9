"""Log-mel spectrogram of a clip and of two altered copies of it, to train on."""

import hashlib

import librosa
import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from soundstage.features.mel import mel

UNIT = "dB"
AXES = ("copy", "frequency", "frame")
DTYPE = "float32"


def mel_copies(
    y: np.ndarray,
    sr: int,
    *,
    n_fft: PositiveInt = 2048,
    hop_length: PositiveInt = 512,
    n_mels: PositiveInt = 128,
    fmin: NonNegativeFloat = 0.0,
    fmax: PositiveFloat | None = None,
    top_db: PositiveFloat | None = None,
    semitones: float = 1.0,
    noise: NonNegativeFloat = 0.005,
) -> np.ndarray:
    """`mel` of the clip as it is, of the clip at another pitch, and of the clip with white noise.

    Views let training read all three, validation and test only the first.

    Args:
        y: float32 (n,), full scale ±1.
        sr: sample rate in Hz.
        n_fft, hop_length, n_mels, fmin, fmax, top_db: see `mel`.
        semitones: how much higher the second copy is, at the same tempo.
        noise: standard deviation of the Gaussian noise in the third copy, of full scale. The hash
            of the samples is its seed: the same clip has the same noise, and no two share theirs.

    Returns:
        float32 (3, n_mels, 1 + n // hop_length).

    Raises:
        ValueError: no samples.
        SoundstageError: as `mel`.

    Source: paper 002, section III-B: pitch_factor=1 and noise_factor=1, of whose noise the scale is
    not printed. A deviation of 1 buries music whose full scale is 1; as a step of 16-bit samples,
    1/32768, it is inaudible.
    """
    if y.size == 0:
        raise ValueError("no samples")
    seed = int.from_bytes(hashlib.sha256(y.tobytes()).digest()[:8], "little")
    white = np.random.default_rng(seed).standard_normal(y.size, np.float32)
    copies = (y, _shifted(y, sr, semitones), y + np.float32(noise) * white)
    return np.stack(
        [
            mel(
                copy,
                sr,
                n_fft=n_fft,
                hop_length=hop_length,
                n_mels=n_mels,
                fmin=fmin,
                fmax=fmax,
                top_db=top_db,
            )
            for copy in copies
        ]
    )


def _shifted(y: np.ndarray, sr: int, semitones: float) -> np.ndarray:
    # Below a frame librosa warns, and there is no pitch to speak of.
    padded = librosa.util.fix_length(y, size=max(y.size, 2048))
    return librosa.effects.pitch_shift(padded, sr=sr, n_steps=semitones)[: y.size]
