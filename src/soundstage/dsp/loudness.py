"""How loud a track is, from moment to moment and as a whole."""

import numpy as np

QUIETEST = -60.0  # dB, silence: the least loudness of the Echo Nest's analysis


def frame_power(y: np.ndarray, hop_length: int) -> np.ndarray:
    """Compute the mean square of the samples within one hop of each frame's centre.

    Args:
        y: float32 (n,), at least one sample.
        hop_length: samples from one frame to the next; frames are centred on samples 0,
            hop_length, 2·hop_length ...

    Returns:
        float64 (1 + n // hop_length,). At the ends only samples that exist are counted.
    """
    starts = np.arange(0, y.size, hop_length)
    energy = np.add.reduceat(np.square(y), starts, dtype=np.float64)
    samples = np.diff(np.append(starts, y.size))
    frames = 1 + y.size // hop_length

    def around(blocks: np.ndarray) -> np.ndarray:
        padded = np.pad(blocks, 1).astype(np.float64)
        return padded[:frames] + padded[1 : frames + 1]

    return around(energy) / around(samples)


def loudness(power: np.ndarray | float) -> np.ndarray:
    """Return 10 log10 of mean squares, at least -60 dB; 0 dB is a full-scale square wave."""
    return 10 * np.log10(np.maximum(power, 10 ** (QUIETEST / 10)))
