"""Power spectral density of PCM-8 audio, as paper 000 feeds it to its 2-D networks."""

from functools import lru_cache
from typing import Literal

import numpy as np
import scipy
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from soundstage import paged
from soundstage.dsp.power import power_blocks
from soundstage.errors import SoundstageError

UNIT = "PCM-8 steps squared per cycle/sample"
AXES = ("frequency", "frame")
DTYPE = "float32"


def psd(
    y: np.ndarray,
    sr: int,  # noqa: ARG001 - part of every feature's signature; see `fs`
    *,
    fs: PositiveFloat = 1.0,
    nperseg: PositiveInt = 256,
    noverlap: NonNegativeInt = 32,
    device: Literal["cpu", "cuda"] = "cpu",
) -> np.ndarray:
    """One-sided power spectral density of each frame, as of `scipy.signal.spectrogram`'s defaults.

    S[k, t] = c[k] |DFT(w (x_t - mean(x_t)))[k]|² / (fs Σ w²), with x_t the samples
    t·hop ... t·hop + nperseg - 1, hop = nperseg - noverlap, w the periodic Tukey window of taper
    0.25, and c = 1 at zero frequency and at half the sample rate, 2 between.

    Args:
        y: int8 (n,), PCM-8 steps. Other types are refused: samples scaled to ±1 would give
            values 16,384 times too small.
        sr: sample rate in Hz; no effect, since paper 000 left scipy's `fs` at 1.
        fs: the rate that densities are taken at. 1 gives steps² per cycle/sample; the sample
            rate in Hz would give steps²/Hz, and paper 000's clamp at 512 would never act.
        nperseg: samples a frame.
        noverlap: samples shared by neighbouring frames, below `nperseg`.
        device: cuda transforms the frames on a GPU, in float32 too: as far from the reference.

    Returns:
        float32 (nperseg // 2 + 1, frames), frames = (n - noverlap) // hop: whole frames only.
        465,984 samples give 129 × 2080. A clip shorter than one frame has none: (129, 0).

    Raises:
        ValueError: no samples, or samples that are not int8.
        SoundstageError: `noverlap` is not below `nperseg`.

    Source: paper 000, section 3.2.1, the input of its 2-D models (all defaults of scipy). The clamp
    `minimum(S, 512) / 512` belongs to the model's input and is not applied here. Computed in
    float32: the root mean square of the difference to scipy in float64 is at most 1e-6 of that of
    the densities.
    """
    if y.size == 0:
        raise ValueError("no samples")
    if y.dtype != np.int8:
        raise ValueError(f"psd reads PCM-8 steps (int8), got {y.dtype}")
    if noverlap >= nperseg:
        raise SoundstageError(f"noverlap={noverlap} must be below nperseg={nperseg}; lower it")
    hop = nperseg - noverlap
    frames = (y.size - noverlap) // hop if y.size >= nperseg else 0
    S = paged.empty((nperseg // 2 + 1, frames), np.float32)
    window = _window(nperseg)
    blocks = power_blocks(y, window, start=0, hop=hop, frames=frames, centre=True, device=device)
    for span, power in blocks:
        np.divide(power[:, : span.stop - span.start], fs, out=S[:, span])
        paged.release(S)
    inner = S[1 : (nperseg + 1) // 2]  # has negative frequencies; 0 and sr / 2 have none
    for some in paged.blocks(inner):
        inner[some] *= 2
    return S


@lru_cache
def _window(n: int) -> np.ndarray:
    """Return w / sqrt(Σ w²), float32 (n,): the squared spectrum under it is a density."""
    w = scipy.signal.get_window(("tukey", 0.25), n)
    return (w / np.sqrt(np.sum(w**2))).astype(np.float32)
