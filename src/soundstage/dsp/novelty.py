"""Where a track turns into something else: novelty on its self-similarity.

Source: Foote 2000, "Automatic audio segmentation using a measure of audio novelty", ICME. A
checkerboard slid along the diagonal of the similarity matrix is high where what comes is like
itself and what was is like itself, but the two are not like each other.
"""

import numpy as np
import scipy

_INDIFFERENT = 1.0  # dB a dimension: differences well below it are no difference


def novelty(features: np.ndarray, width: int) -> np.ndarray:
    """Compute the novelty between each two neighbouring blocks.

    Blocks are compared by the cosine of what is left of them without the mean over the track;
    mirrored blocks stand beyond the ends. The checkerboard has 2 `width` blocks a side and a
    Gaussian taper with a standard deviation of `width` / 2. Only the diagonals under it are
    computed, so time and memory grow with the track and not with its square.

    Args:
        features: float (dimensions, blocks), in dB.
        width: blocks on each side that are compared.

    Returns:
        float64 (blocks,): entry i, from -1 to 1, is between block i - 1 and block i; 0 is
        homogeneous.
    """
    x = features - features.mean(axis=1, keepdims=True)
    floor = _INDIFFERENT**2 * len(x)
    x = x / np.sqrt(np.sum(x**2, axis=0, keepdims=True) + floor)
    x = np.pad(x, ((0, 0), (width, width)), mode="symmetric")
    place = np.arange(-width, width) + 0.5
    kernel = np.sign(place) * np.exp(-2 * (place / width) ** 2)
    blocks = features.shape[1]
    total = np.zeros(blocks)
    for lag in range(2 * width):
        similarity = np.sum(x[:, : x.shape[1] - lag] * x[:, lag:], axis=0)
        diagonal = kernel[: 2 * width - lag] * kernel[lag:]
        weight = 1 if lag == 0 else 2  # the matrix is symmetric
        total += weight * np.correlate(similarity, diagonal, "valid")[:blocks]
    return total / np.abs(kernel).sum() ** 2


def boundaries(curve: np.ndarray, threshold: float, distance: int) -> np.ndarray:
    """Find the peaks of a novelty curve.

    Args:
        curve: float (blocks,).
        threshold: least novelty of a boundary.
        distance: least number of blocks between boundaries, and from either end.

    Returns:
        int64 (boundaries,), ascending; the track's own start is not among them.
    """
    peaks, _ = scipy.signal.find_peaks(curve, height=threshold, distance=max(distance, 1))
    return peaks[(peaks >= distance) & (peaks <= curve.size - distance)]
