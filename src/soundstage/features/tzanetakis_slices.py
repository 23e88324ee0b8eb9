"""The 30 numbers of the first genre classifier, of each texture window of a clip."""

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from soundstage.dsp import texture as timbre
from soundstage.features import tzanetakis as whole

UNIT = whole.UNIT
AXES = ("slice", "column")
DTYPE = whole.DTYPE
COLUMNS = whole.COLUMNS


def tzanetakis_slices(
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
    """`tzanetakis` with the 19 numbers of timbre of each texture window, not their mean.

    The numbers of rhythm and pitch are those of the whole clip, the same in all of its windows.

    Args: see `tzanetakis`.

    Returns:
        float64 (windows, 30), columns in the order of `COLUMNS`.

    Raises: as `tzanetakis`.

    Source: paper 002, section IV, its SVM baseline: a vector for each 3-s texture window.
    """
    clip = whole.tzanetakis(
        y,
        sr,
        frame_length=frame_length,
        texture_seconds=texture_seconds,
        rolloff=rolloff,
        n_mels=n_mels,
        beat_window=beat_window,
        beat_hop_length=beat_hop_length,
        octaves=octaves,
        beat_peaks=beat_peaks,
        bpm_min=bpm_min,
        bpm_max=bpm_max,
        bpm_distance=bpm_distance,
        pitch_peaks=pitch_peaks,
        pitch_fmin=pitch_fmin,
        pitch_fmax=pitch_fmax,
        pitch_compression=pitch_compression,
    )
    windows = timbre.texture(
        y,
        sr,
        frame_length=frame_length,
        texture_seconds=texture_seconds,
        rolloff=rolloff,
        n_mels=n_mels,
    )
    of_clip = clip[len(timbre.COLUMNS) :]
    return np.hstack([windows, np.tile(of_clip, (len(windows), 1))])
