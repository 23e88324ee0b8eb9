"""Power spectra on a GPU."""

import numpy as np
import torch

from soundstage.errors import SoundstageError


def frames_power(frames: np.ndarray, device: str = "cuda") -> np.ndarray:
    """Return |DFT|² of frames float32 (count, n) as float32 (n // 2 + 1, count).

    The transform is in float32, whatever n is.

    Raises
    ------
    SoundstageError
        There is no GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise SoundstageError("device: cuda, but torch finds no GPU here; set it to cpu")
    spectra = torch.fft.rfft(torch.from_numpy(frames).to(device))
    return (spectra.real.square() + spectra.imag.square()).T.cpu().numpy()
