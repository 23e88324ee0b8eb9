"""The 30 numbers a track of the first genre classifier: timbre, rhythm, pitch."""

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from soundstage.dsp import beat_histogram as beats
from soundstage.dsp import pitch_histogram as pitches
from soundstage.dsp import texture as timbre
from soundstage.errors import SoundstageError

UNIT = "by column: Hz, crossings a frame, dB, beats per minute, notes, fifths, share or none"
AXES = ("column",)
DTYPE = "float64"
COLUMNS: tuple[str, ...] = timbre.COLUMNS + beats.COLUMNS + pitches.COLUMNS


def tzanetakis(
    y: np.ndarray,
    sr: int,
    *,
    frame_length: PositiveInt = 512,
    texture_seconds: PositiveFloat = 3.0,
    rolloff: PositiveFloat = 0.85,
    n_mels: PositiveInt = 40,
    beat_window: PositiveInt = 65536,
    beat_hop_length: PositiveInt = 32768,
    octaves: PositiveInt = 5,
    beat_peaks: PositiveInt = 3,
    bpm_min: PositiveInt = 40,
    bpm_max: PositiveInt = 200,
    bpm_distance: PositiveInt = 6,
    pitch_peaks: PositiveInt = 3,
    pitch_fmin: PositiveFloat = 80.0,
    pitch_fmax: PositiveFloat = 1000.0,
    pitch_compression: PositiveFloat = 0.67,
) -> np.ndarray:
    """Texture means, beat histogram and pitch histogram of a clip.

    * 19 of timbral texture (`dsp.texture`): mean and variance of centroid, roll-off, flux, zero
      crossings and five MFCC in each texture window, and low energy; here their mean over the
      windows.
    * 6 of rhythm (`dsp.beat_histogram`): A0, A1, RA, P1, P2 and SUM of the whole clip.
    * 5 of pitch (`dsp.pitch_histogram`): FA0, UP0, FP0, IPO1 and SUM of the whole clip.

    Args:
        y: float32 (n,), full scale ±1.
        sr: sample rate in Hz; 22,050 in the source, and all lengths in samples are meant for it.
        frame_length: samples of a frame for timbre and pitch; frames do not overlap.
        texture_seconds: length of a texture window; paper 002 takes 3 s, the source 1 s.
        rolloff: share of the magnitude below the roll-off, less than 1.
        n_mels: mel bands under the MFCC; the source names none.
        beat_window: samples of a window of the beat histogram.
        beat_hop_length: samples from one such window to the next.
        octaves: wavelet bands under the beat histogram; the source names none.
        beat_peaks: peaks a window adds to the beat histogram.
        bpm_min: slowest tempo in beats per minute.
        bpm_max: fastest tempo.
        bpm_distance: least distance of the beat histogram's two peaks; the source names none.
        pitch_peaks: peaks a frame adds to the pitch histogram.
        pitch_fmin: lowest pitch in Hz; the source names none.
        pitch_fmax: highest pitch in Hz; the source names none.
        pitch_compression: power of the magnitude spectrum, from the pitch detector's own paper.

    Returns:
        float64 (30,), in the order of `COLUMNS`; all finite, also for silence and one sample.

    Raises:
        ValueError: no samples.
        SoundstageError: parameters that contradict each other or the sample rate.

    Source: paper 002, sections II-A and IV, its SVM baseline; Tzanetakis and Cook 2002, "Musical
    genre classification of audio signals", IEEE Transactions on Speech and Audio Processing 10(5),
    section III.
    """
    if y.size == 0:
        raise ValueError("no samples")
    if rolloff >= 1:
        raise SoundstageError(f"rolloff={rolloff} is a share of the spectrum; keep it below 1")
    if bpm_min >= bpm_max:
        raise SoundstageError(f"bpm_min={bpm_min} must be less than bpm_max={bpm_max}")
    if sr <= 2 * pitches.SPLIT_HZ or not pitch_fmin < pitch_fmax < sr / 2:
        raise SoundstageError(
            f"pitches from {pitch_fmin:g} to {pitch_fmax:g} Hz cannot be found at {sr} Hz; keep "
            "pitch_fmin < pitch_fmax < sr / 2 and the sample rate above 2000 Hz"
        )
    windows = timbre.texture(
        y,
        sr,
        frame_length=frame_length,
        texture_seconds=texture_seconds,
        rolloff=rolloff,
        n_mels=n_mels,
    )
    tempi = beats.beat_histogram(
        y,
        sr,
        window=beat_window,
        hop_length=beat_hop_length,
        octaves=octaves,
        n_peaks=beat_peaks,
        bpm_min=bpm_min,
        bpm_max=bpm_max,
    )
    notes = pitches.pitch_histogram(
        y,
        sr,
        frame_length=frame_length,
        n_peaks=pitch_peaks,
        fmin=pitch_fmin,
        fmax=pitch_fmax,
        compression=pitch_compression,
    )
    return np.concatenate(
        [
            windows.mean(axis=0),
            beats.beat_features(tempi, bpm_min, bpm_distance),
            pitches.pitch_features(notes),
        ]
    )
