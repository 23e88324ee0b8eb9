"""Twelve numbers for the sound of a segment.

The Echo Nest describes a segment's timbre by twelve coefficients on a fixed basis that came from
its own data and was never published; it says that the first is the loudness, the second the
brightness, the third the flatness of the spectrum, the fourth the strength of the attack (Analyzer
Documentation 3.08, "timbre"). The basis here is our own, fixed and plain: products of a cosine
over the bands and one over time. Its first four have the printed meanings; a number of ours
cannot be compared with one of theirs.
"""

import numpy as np

# (over bands, over time): how many half periods. The first four as above, then by their sum.
BASIS = (
    (0, 0),  # mean level
    (1, 0),  # low against high bands
    (2, 0),  # outer against middle bands
    (0, 1),  # beginning against end
    (3, 0),
    (1, 1),
    (4, 0),
    (2, 1),
    (0, 2),
    (5, 0),
    (3, 1),
    (1, 2),
)


def timbre(levels: np.ndarray, starts: np.ndarray, floor: float) -> np.ndarray:
    """Project each segment onto the basis.

    Coefficient (i, j) is the mean over a segment's B bands b and T frames t of

        (level - floor) c_i(b, B) c_j(t, T),  c_0 = 1,  c_k(n, N) = sqrt(2) cos(pi k (n + 0.5) / N),

    so that each basis function has a root mean square of 1 and the first coefficient is the mean
    level above the floor. A cosine over time that a segment is too short for (k >= T) gives 0.

    Args:
        levels: float (bands, frames), dB, low bands first.
        starts: int (segments,), ascending first frames of the segments; the first is 0. A segment
            ends where the next one starts.
        floor: the level of silence in dB.

    Returns:
        float64 (segments, 12), in dB and in the order of `BASIS`.
    """
    bands, frames = levels.shape
    over_bands = np.stack([_cosine(i, np.arange(bands), bands) for i, _ in BASIS])
    lengths = np.diff(np.append(starts, frames))
    length = np.repeat(lengths, lengths)
    time = np.arange(frames) - np.repeat(starts, lengths)
    over_time = np.stack([np.where(j < length, _cosine(j, time, length), 0) for _, j in BASIS])
    # einsum and not @, whose rounding depends on the number of threads.
    over_floor = np.einsum("kb,bt->kt", over_bands, levels.astype(np.float64) - floor)
    values = over_floor / bands * over_time
    return (np.add.reduceat(values, starts, axis=1) / lengths).T


def _cosine(k: int, place: np.ndarray, count: np.ndarray | int) -> np.ndarray:
    if k == 0:
        return np.ones(place.shape)
    return np.sqrt(2) * np.cos(np.pi * k * (place + 0.5) / count)
