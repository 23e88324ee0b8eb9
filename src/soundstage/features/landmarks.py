"""Landmarks: what is left of a recording in every encoding of it, to find near-duplicates by."""

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from soundstage import paged
from soundstage.dsp.constellation import BINS, hashes, peaks
from soundstage.dsp.power import power_blocks
from soundstage.dsp.stft import hann

UNIT = "by column: none, frames"
AXES = ("landmark", "column")
DTYPE = "int32"
COLUMNS = ("hash", "frame")


def landmarks(
    y: np.ndarray,
    sr: int,  # noqa: ARG001 - part of every feature's signature
    *,
    n_fft: PositiveInt = 1024,
    hop_length: PositiveInt = 256,
    peak_bins: PositiveInt = 12,
    peak_frames: PositiveInt = 14,
    floor_db: PositiveFloat = 35.0,
    fan_out: PositiveInt = 3,
) -> np.ndarray:
    """Hash the constellations of a clip's spectral peaks.

    A peak is the greatest power within a rectangle of time and frequency. A landmark is a peak with
    two of the next ones: its hash says how they lie to each other, its frame when the first is. A
    copy of the clip, louder, later or in another encoding, has many of the same hashes, all at one
    distance in time (see `near_duplicates`). A stretched or pitch-shifted copy has not.

    Args:
        y: (n,), int8 or float32; its level is of no effect.
        sr: sample rate in Hz; no effect, but hashes of one rate are not those of another.
        n_fft: samples a frame. Bins 1 to 256 count: at 16 kHz with 1,024, up to 4 kHz, which low
            bit rates and sample rates leave alone.
        hop_length: samples from one frame to the next.
        peak_bins: how far a peak's rectangle reaches on either side, in bins.
        peak_frames: the same in frames. With the default rectangle music has 10 to 60 landmarks a
            second.
        floor_db: how far below the clip's greatest peak others count. More bring in
            what the rounding to PCM-8 makes of soft clips.
        fan_out: how many later peaks a peak is hashed with, two at a time.

    Returns:
        int32 (landmarks, 2), columns hash and frame, sorted by frame. None, (0, 2), of silence and
        of a clip that is shorter than a frame.

    Raises:
        ValueError: no samples.

    Source: Wang, "An industrial-strength audio search algorithm" (ISMIR 2003), with hashes of three
    peaks instead of two.
    """
    if y.size == 0:
        raise ValueError("no samples")
    frames = 1 + (y.size - n_fft) // hop_length if y.size >= n_fft else 0
    S = paged.empty((frames, min(BINS, n_fft // 2)), np.float32)
    window = hann(n_fft, "float32")
    for span, power in power_blocks(y, window, start=0, hop=hop_length, frames=frames, centre=True):
        S[span] = power[1 : S.shape[1] + 1, : span.stop - span.start].T
        paged.release(S)
    greatest = max((S[some].max(initial=0) for some in paged.blocks(S)), default=np.float32(0))
    floor = greatest * 10 ** (-floor_db / 10)
    return hashes(peaks(S, float(floor), peak_frames, peak_bins), fan_out)
