"""The 58 statistics of the public GTZAN table, of each slice of a clip."""

from typing import Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from soundstage.features import librosa_stats as whole

UNIT = whole.UNIT
AXES = ("slice", "column")
DTYPE = whole.DTYPE
COLUMNS = whole.COLUMNS


def librosa_stats_slices(
    y: np.ndarray,
    sr: int,
    *,
    slice_seconds: PositiveFloat = 3.0,
    n_fft: PositiveInt = 2048,
    hop_length: PositiveInt = 512,
    convention: Literal["librosa-0.10", "librosa-0.7"] = "librosa-0.10",
) -> np.ndarray:
    """`librosa_stats` of consecutive slices of equal length; a rest shorter than one is left out.

    Args:
        y: float32 (n,), full scale ±1; a clip shorter than a slice is one slice.
        sr: sample rate in Hz; 22,050 in the public table.
        slice_seconds: length of a slice; 3 in the public table.
        n_fft, hop_length, convention: see `librosa_stats`.

    Returns:
        float64 (slices, 58), columns in the order of `COLUMNS`.

    Raises:
        ValueError: no samples.
        librosa.ParameterError: a sample is infinite or no number.

    Source: GTZAN's `features_3_sec.csv`, the input of the nine classic models in the
    notebook behind paper 004.
    """
    length = round(slice_seconds * sr)
    slices = [y[i * length : (i + 1) * length] for i in range(y.size // length)] or [y]
    sizes = {"n_fft": n_fft, "hop_length": hop_length}
    return np.stack(
        [whole.librosa_stats(part, sr, **sizes, convention=convention) for part in slices]
    )
