"""Spectral peaks, and from them how far a recording is tuned off A = 440 Hz."""

import librosa
import numpy as np

from soundstage.dsp.lanes import WIDTH, kernel

_THRESHOLD = np.float32(0.1)  # of a frame's greatest power


@kernel
def _peaks(
    power: np.ndarray,
    greatest: np.ndarray,
    n_frames: int,
    first: int,
    last: int,
    places: np.ndarray,
    powers: np.ndarray,
) -> int:
    found = 0
    half, two = np.float32(0.5), np.float32(2)
    for t in range(len(power)):
        tile = power[t]
        for k in range(first, last):
            for lane in range(min(WIDTH, n_frames - t * WIDTH)):
                x = tile[k, lane]
                before, after = tile[k - 1, lane], tile[k + 1, lane]
                if x > greatest[t, lane] * _THRESHOLD and x > before and x >= after:
                    curve = after + before - two * x
                    slope = (after - before) * half
                    shift = np.float32(0)
                    if abs(slope) < abs(curve):
                        shift = -slope / curve
                    places[found] = k + shift
                    powers[found] = x + half * slope * shift
                    found += 1
    return found


def peaks(
    power: np.ndarray, greatest: np.ndarray, n_frames: int, sr: int, n_fft: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the peaks between 150 and 4,000 Hz, refined by parabolas, as `librosa.piptrack` does.

    Args:
        power: float32 (tiles, bins, 8).
        greatest: float32 (tiles, 8), the greatest power of each frame.
        n_frames: how many of the 8 x tiles frames there are.
        sr: sample rate in Hz.
        n_fft: samples a frame.

    Returns:
        Their pitches in Hz and powers, each float32 (peaks,), frames in order.
    """
    frequencies = librosa.fft_frequencies(sr=sr, n_fft=n_fft)
    first, last = np.searchsorted(frequencies, [150.0, min(4000.0, sr / 2)])
    # At most every other bin is a peak.
    places = np.empty(max(0, last - first + 1) // 2 * n_frames)
    powers = np.empty(len(places), np.float32)
    found = _peaks(power, greatest, n_frames, first, last, places, powers)
    return (places[:found] * sr / n_fft).astype(np.float32), powers[:found].copy()


def tuning(pitches: np.ndarray, powers: np.ndarray) -> float:
    """Return `librosa.estimate_tuning` of a spectrogram's `peaks`, in parts of a semitone."""
    if not pitches.size:
        return 0.0
    return librosa.pitch_tuning(pitches[powers >= np.median(powers)])
