"""Where something starts: onset strength, and the segments between onsets."""

import librosa
import numpy as np

_STILL = 0.5  # dB a band and frame: a rise below it is ripple, not an onset


def onset_strength(levels: np.ndarray, sr: int, *, n_fft: int, hop_length: int) -> np.ndarray:
    """Compute how far the bands' levels rise, on average over the bands.

    Args:
        levels: float (bands, frames), dB, with a floor.
        sr: sample rate in Hz.
        n_fft: samples that the levels of a frame were measured on.
        hop_length: samples from one frame to the next.

    Returns:
        float (frames,), dB, later by half of `n_fft` than the level rises, which is when the
        sound itself does. 0 where the rise is below 0.5 dB, as in silence or a steady tone.

    Source: `librosa.onset.onset_strength`.
    """
    frames = levels.shape[1]
    if frames < 2:
        return np.zeros(frames)
    strength = librosa.onset.onset_strength(
        S=levels, sr=sr, n_fft=n_fft, hop_length=hop_length, aggregate=np.mean
    )
    return np.where(strength >= _STILL, strength, 0)


def segments(
    strength: np.ndarray, sr: int, *, hop_length: int, delta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find where segments start: onsets, traced back to where their strength begins to rise.

    Args:
        strength: float (frames,), onset strength.
        sr: sample rate in Hz.
        hop_length: samples from one frame to the next.
        delta: how far a peak must exceed the mean of its surroundings, relative to the greatest
            strength.

    Returns:
        The first frames, int64 (segments,), ascending from 0, and how sure they are, float64
        (segments,): the greatest strength within a segment, over that of the track; 1 for the
        first segment, which starts with the track.

    Source: `librosa.onset.onset_detect`, `librosa.onset.onset_backtrack`.
    """
    greatest = strength.max()
    if strength.size < 3 or greatest <= 0:
        return np.zeros(1, np.int64), np.ones(1)
    peaks = librosa.onset.onset_detect(
        onset_envelope=strength, sr=sr, hop_length=hop_length, delta=delta
    )
    if peaks.size:
        peaks = librosa.onset.onset_backtrack(peaks, strength)
    starts = np.unique(np.append(0, peaks))
    sure = np.maximum.reduceat(strength, starts) / greatest
    return starts, np.append(1.0, sure[1:])
