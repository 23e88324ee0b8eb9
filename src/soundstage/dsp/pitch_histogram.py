"""Pitch histograms: how often each note, and each pitch class, is among a track's main pitches.

Tzanetakis and Cook 2002 ("Musical genre classification of audio signals", IEEE Transactions on
Speech and Audio Processing 10(5), section III.C), with the pitch detection of Tolonen and
Karjalainen 2000 ("A computationally efficient multipitch analysis model", IEEE TSAP 8(6)).
"""

import numpy as np
import scipy

from soundstage.dsp.periodicity import autocorrelation, enhance, highest_peaks

SPLIT_HZ = 1000.0  # Tolonen's channels: below, and the envelope of what lies above
_FRAMES = 512  # in one block: bounds memory

COLUMNS = ("pitch_fa0", "pitch_up0", "pitch_fp0", "pitch_ipo1", "pitch_sum")


def pitch_histogram(
    y: np.ndarray,
    sr: int,
    *,
    frame_length: int,
    n_peaks: int,
    fmin: float,
    fmax: float,
    compression: float,
) -> np.ndarray:
    """Sum the highest peaks of each frame's enhanced autocorrelation over a track.

    Two channels, the track below 1 kHz and the half-wave rectified track above it, again below
    1 kHz, are autocorrelated together; the peaks add their heights, relative to lag 0, to the
    bins of the nearest notes. The sum over frames is divided by their number. In the source's 512
    samples a pure tone below some 200 Hz comes out sharp (the window tapers the autocorrelation
    towards shorter lags); a note with harmonics does not.

    Args:
        y: float32 (n,), at least one sample.
        sr: sample rate in Hz, above 2 kHz.
        frame_length: samples a frame; frames do not overlap.
        n_peaks: peaks that each frame adds.
        fmin: lowest pitch in Hz; its period should fit twice into a frame.
        fmax: highest pitch in Hz.
        compression: power of the magnitude spectrum under the autocorrelation.

    Returns:
        float64 (128,), the unfolded histogram: a bin a MIDI note, 60 is C4, 69 is A4 = 440 Hz.
    """
    low = scipy.signal.butter(2, SPLIT_HZ, "lowpass", fs=sr, output="sos")
    high = scipy.signal.butter(2, SPLIT_HZ, "highpass", fs=sr, output="sos")
    states = [np.zeros((1, 2)) for _ in range(3)]
    count = max(1, y.size // frame_length)
    histogram = np.zeros(128)
    for start in range(0, count, _FRAMES):
        block = y[start * frame_length : min(start + _FRAMES, count) * frame_length]
        below, states[0] = scipy.signal.sosfilt(low, block, zi=states[0])
        above, states[1] = scipy.signal.sosfilt(high, block, zi=states[1])
        above, states[2] = scipy.signal.sosfilt(low, np.maximum(above, 0), zi=states[2])
        frames = -(-block.size // frame_length)
        r = sum(
            autocorrelation(_cut(x, frames, frame_length), compression=compression)
            for x in (below, above)
        )
        assert isinstance(r, np.ndarray)
        level = r[:, :1].copy()
        r = np.divide(r, level, out=np.zeros_like(r), where=level > 0)
        lags, heights = highest_peaks(enhance(r), n_peaks, sr / fmax, sr / fmin)
        found = heights > 0
        notes = np.rint(69 + 12 * np.log2(sr / lags[found] / 440)).astype(int).clip(0, 127)
        histogram += np.bincount(notes, heights[found], 128)
    return histogram / count


def fold(histogram: np.ndarray) -> np.ndarray:
    """Add all octaves and put the pitch classes in the order of fifths.

    Args:
        histogram: float64 (128,), a bin a MIDI note.

    Returns:
        float64 (12,): note n is in bin (7 (n mod 12)) mod 12, so 0 is C, 1 is G, 2 is D.
    """
    notes = np.arange(histogram.size)
    return np.bincount(7 * notes % 12, histogram, 12)


def pitch_features(histogram: np.ndarray) -> np.ndarray:
    """Describe a track's pitch histogram.

    Args:
        histogram: float64 (128,), a bin a MIDI note.

    Returns:
        float64 (5,): FA0, the height of the highest bin of the folded histogram; UP0, the highest
        bin of the unfolded one, a MIDI note; FP0, the highest bin of the folded one, in fifths
        from C; IPO1, the interval from the highest to the second bin of the folded one, in fifths
        from -5 to 6; SUM, of the histogram. All 0 where no pitch was found.
    """
    if not histogram.any():
        return np.zeros(len(COLUMNS))
    folded = fold(histogram)
    first, second = np.argsort(-folded, kind="stable")[:2]
    interval = (second - first + 5) % 12 - 5 if folded[second] > 0 else 0
    return np.array([folded[first], histogram.argmax(), first, interval, histogram.sum()])


def _cut(x: np.ndarray, frames: int, frame_length: int) -> np.ndarray:
    """Cut into Hamming-weighted frames, with zeros at the end of a clip below one frame."""
    padded = np.pad(x, (0, frames * frame_length - x.size))
    return padded.reshape(frames, frame_length) * np.hamming(frame_length)
