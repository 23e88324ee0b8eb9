"""Chroma: how much of a spectrum belongs to each of the twelve pitch classes."""

import librosa
import numpy as np
import scipy

from soundstage.dsp.band_power import frames_of

_FRAMES = 256  # are enough to see the tuning of a track


def tuning(y: np.ndarray, sr: int, *, n_fft: int, hop_length: int) -> float:
    """Estimate the deviation from 440 Hz, from frames spread over the whole track.

    Args:
        y: float32 (n,), at least one sample.
        sr: sample rate in Hz.
        n_fft: samples a frame, Hann-weighted.
        hop_length: samples from one frame to the next.

    Returns:
        Semitones, from -0.5 to 0.5, to 0.01; 0 where nothing has a pitch.

    Source: `librosa.estimate_tuning`, which takes the louder half of all spectral peaks and the
    commonest distance of theirs from a semitone.
    """
    frames = frames_of(y, n_fft, hop_length)
    frames = frames[:: -(-len(frames) // _FRAMES)]
    window = librosa.filters.get_window("hann", n_fft).astype(np.float32)
    S = np.abs(scipy.fft.rfft(frames * window)).T
    pitches, magnitudes = librosa.piptrack(S=S, sr=sr, n_fft=n_fft)
    voiced = pitches > 0
    if not voiced.any():
        return 0.0
    loud = voiced & (magnitudes >= np.median(magnitudes[voiced]))
    return float(librosa.pitch_tuning(pitches[loud]))


def chroma_bank(sr: int, *, n_fft: int, tuning: float, fmin: float, fmax: float) -> np.ndarray:
    """Make the weights that share the power of each frequency bin among the pitch classes.

    Args:
        sr: sample rate in Hz.
        n_fft: samples a frame.
        tuning: deviation from A4 = 440 Hz in semitones.
        fmin: lowest frequency that counts, in Hz.
        fmax: highest frequency that counts, in Hz.

    Returns:
        float32 (12, 1 + n_fft // 2), C first. The weights of a bin between fmin and fmax add up
        to 1.

    Source: `librosa.filters.chroma`, squared, since it is meant for amplitudes: of unsquared
    weights a seventh of a note's power goes to each neighbour. All octaves weigh alike.
    """
    bank = librosa.filters.chroma(sr=sr, n_fft=n_fft, tuning=tuning, octwidth=None) ** 2
    frequencies = librosa.fft_frequencies(sr=sr, n_fft=n_fft)
    bank[:, (frequencies < fmin) | (frequencies > fmax)] = 0
    return bank


def strengths(chroma: np.ndarray) -> np.ndarray:
    """Divide each column of a chroma, float (12, n), by its greatest value.

    Where there is nothing all pitch classes are alike, as in noise: 1, as the Echo Nest has them.
    """
    greatest = chroma.max(axis=0, keepdims=True)
    return np.divide(chroma, greatest, out=np.ones_like(chroma), where=greatest > 0)
