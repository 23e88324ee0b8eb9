"""The spectral features of one 30-s clip, on one core, against the libraries as people call them.

Agreement is the root mean square of the difference over that of the reference: of densities for
the PSD (the reference in float64), of decibels for mel, of coefficients for MFCC.
"""

import librosa
import numpy as np
import scipy.signal
from measure import Line, paired
from music import music

from soundstage.features.mel import mel
from soundstage.features.mfcc import mfcc
from soundstage.features.psd import psd


def agreement(found: np.ndarray, reference: np.ndarray) -> str:
    """Return the rms of the difference over the rms of the reference."""
    difference = np.linalg.norm(found.astype(np.float64) - reference)
    return f"rms error {difference / np.linalg.norm(reference.astype(np.float64)):.0e} relative"


def mfcc_in_librosa(y: np.ndarray, sr: int) -> np.ndarray:
    """Ten slices of three seconds, one call each: float32 (10, 130, 13)."""
    length = 3 * sr
    cuts = (y[i : i + length] for i in range(0, 10 * length, length))
    return np.stack([librosa.feature.mfcc(y=cut, sr=sr, n_mfcc=13).T for cut in cuts])


def mel_in_librosa(y: np.ndarray, sr: int) -> np.ndarray:
    """Log-mel by librosa's defaults, whose floor is 80 dB below the maximum."""
    return librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=sr))


def measure() -> list[Line]:
    """Measure the three features; about ten seconds."""
    y = music(661_500, 22050)
    pcm8 = np.rint(127 * np.clip(music(465_984, 16000), -1, 1)).astype(np.int8)
    exact = scipy.signal.spectrogram(pcm8.astype(np.float64))[2]
    return [
        paired(
            "PSD 129 x 2080 of PCM-8",
            lambda: psd(pcm8, 16000),
            "scipy.signal.spectrogram",
            lambda: scipy.signal.spectrogram(pcm8),
            target=5,
            rounds=101,
            agreement=agreement(psd(pcm8, 16000), exact),
            bound="the FFT, a third of the time",
        ),
        paired(
            "log-mel 128 x 1292, 22,050 Hz",
            lambda: mel(y, 22050, top_db=80.0),
            "librosa.feature.melspectrogram + power_to_db",
            lambda: mel_in_librosa(y, 22050),
            target=2.2,
            rounds=31,
            agreement=agreement(mel(y, 22050, top_db=80.0), mel_in_librosa(y, 22050)),
            bound="the FFT, half of the time",
        ),
        paired(
            "MFCC of ten 3-s slices, 13 x 130 each",
            lambda: mfcc(y, 22050),
            "librosa.feature.mfcc, slice by slice",
            lambda: mfcc_in_librosa(y, 22050),
            target=3,
            rounds=31,
            agreement=agreement(mfcc(y, 22050), mfcc_in_librosa(y, 22050)),
            bound="the FFT, half of the time",
        ),
    ]
