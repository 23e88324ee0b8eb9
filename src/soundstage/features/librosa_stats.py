"""The 58 columns of the public GTZAN feature table."""

import warnings
from typing import Literal

import librosa
import numpy as np
from pydantic import PositiveInt

from soundstage import paged
from soundstage.dsp.clip_descriptors import (
    ClipDescriptors,
    Convention,
    clip_descriptors,
    in_tiles,
)
from soundstage.dsp.moments import moments

UNIT = "by column: samples, Hz, beats per minute, dB or none; squared for a variance"
AXES = ("column",)
# A length above 2**24 samples (12.7 minutes at 22,050 Hz) is not exact in float32, and the public
# table prints float64.
DTYPE = "float64"

_DESCRIPTORS = (
    "chroma_stft",
    "rms",
    "spectral_centroid",
    "spectral_bandwidth",
    "rolloff",
    "zero_crossing_rate",
    "harmony",
    "perceptr",
)
_MFCC = tuple(f"mfcc{i}" for i in range(1, 21))
COLUMNS: tuple[str, ...] = (
    "length",
    *(f"{name}_{statistic}" for name in _DESCRIPTORS for statistic in ("mean", "var")),
    "tempo",
    *(f"{name}_{statistic}" for name in _MFCC for statistic in ("mean", "var")),
)


def librosa_stats(
    y: np.ndarray,
    sr: int,
    *,
    n_fft: PositiveInt = 2048,
    hop_length: PositiveInt = 512,
    convention: Literal["librosa-0.10", "librosa-0.7"] = "librosa-0.10",
) -> np.ndarray:
    """Mean and variance (of the population) over a clip of librosa's common descriptors.

    Length in samples; chroma; RMS; spectral centroid, bandwidth and 85 % roll-off; zero-crossing
    rate; the waveforms of harmonic-percussive separation ("harmony", "perceptr"); tempo, as the
    beat tracker has it (0 where nothing starts, as in silence); 20 MFCC. All as librosa's
    functions give them with their defaults, to 1e-4 of each value (a mean near zero to 1e-6 of
    the spread around it, the tempo exactly), from one shared STFT.

    Clips of fewer than 31 frames, and frames that are not a power of two or do not overlap four-
    or eightfold, take librosa's own functions; the others this project's kernels, which are more
    than fifty times faster.

    Args:
        y: float32 (n,), full scale ±1.
        sr: sample rate in Hz; 22,050 in the public table.
        n_fft: samples a frame.
        hop_length: samples from one frame to the next.
        convention: `librosa-0.10`, as librosa computes since that version: zeros around the clip.
            `librosa-0.7`, as the public table was computed: the clip mirrored at its ends, and the
            two separated waveforms filled up with zeros behind the last frame's middle. With it
            the table's columns come back from its audio.

    Returns:
        float64 (58,), in the order of `COLUMNS`. A clip shorter than one frame is analysed as it
        is, with zeros around it.

    Raises:
        ValueError: no samples.
        librosa.ParameterError: a sample is infinite or no number.

    Source: paper 003, its feature table (GTZAN's `features_30_sec.csv`), and the classic models
    of paper 004.
    """
    if y.size == 0:
        raise ValueError("no samples")
    for some in paged.blocks(y):
        librosa.util.valid_audio(y[some])
    describe = clip_descriptors if in_tiles(y.size, n_fft, hop_length) else _by_librosa
    *descriptors, tempo, mfcc = describe(y, sr, n_fft, hop_length, convention)
    statistics = [moments(x) for x in (*descriptors, *mfcc)]
    n = len(_DESCRIPTORS)
    return np.hstack([y.size, *statistics[:n], tempo, *statistics[n:]]).astype(DTYPE)


def _by_librosa(
    y: np.ndarray, sr: int, n_fft: int, hop_length: int, convention: Convention
) -> ClipDescriptors:
    early = convention == "librosa-0.7"
    # Not by librosa, which warns of a clip below one frame.
    around = np.pad(y, n_fft // 2, mode="reflect" if early else "constant")
    spectrum = librosa.stft(around, n_fft=n_fft, hop_length=hop_length, center=False)
    S = np.abs(spectrum)
    power = S**2
    log_mel = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=sr))
    harmony, perceptr = (
        librosa.istft(part, n_fft=n_fft, hop_length=hop_length, length=y.size)
        for part in _hpss(spectrum)
    )
    if early:
        end = (spectrum.shape[1] - 1) * hop_length
        harmony[end:] = perceptr[end:] = 0
    centroid = librosa.feature.spectral_centroid(S=S, sr=sr)
    return ClipDescriptors(
        _chroma(power, sr),
        librosa.feature.rms(y=around, frame_length=n_fft, hop_length=hop_length, center=False),
        centroid,
        librosa.feature.spectral_bandwidth(S=S, sr=sr, centroid=centroid),
        librosa.feature.spectral_rolloff(S=S, sr=sr),
        librosa.feature.zero_crossing_rate(y, frame_length=n_fft, hop_length=hop_length),
        harmony,
        perceptr,
        _tempo(log_mel, sr, n_fft, hop_length),
        librosa.feature.mfcc(S=log_mel, n_mfcc=len(_MFCC)),
    )


def _chroma(power: np.ndarray, sr: int) -> np.ndarray:
    with warnings.catch_warnings():
        # Silence and clicks have no pitch to tune by; librosa then takes 440 Hz, and says so.
        warnings.filterwarnings("ignore", "Trying to estimate tuning from empty frequency set")
        return librosa.feature.chroma_stft(S=power, sr=sr)


def _hpss(spectrum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`librosa.decompose.hpss`, whose medians are 31 frames wide, on any number of frames.

    scipy's median_filter (1.17) reads outside the array where an axis has two or three values, so
    a short spectrum is mirrored at its ends here and not by scipy.
    """
    if spectrum.shape[1] > 30:
        return librosa.decompose.hpss(spectrum)
    mirrored = np.pad(spectrum, ((0, 0), (15, 15)), mode="symmetric")
    harmonic, percussive = librosa.decompose.hpss(mirrored)
    return harmonic[:, 15:-15], percussive[:, 15:-15]


def _tempo(log_mel: np.ndarray, sr: int, n_fft: int, hop_length: int) -> float:
    """`librosa.beat.beat_track`'s tempo without the beats, which the table does not hold."""
    onsets = librosa.onset.onset_strength(
        S=log_mel, sr=sr, n_fft=n_fft, hop_length=hop_length, aggregate=np.median
    )
    if not onsets.any():
        return 0.0
    return librosa.feature.tempo(onset_envelope=onsets, sr=sr, hop_length=hop_length).item()
