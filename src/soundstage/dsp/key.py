"""Key and mode of a mean chroma, by the profiles of Krumhansl and Kessler.

Source: Krumhansl 1990, "Cognitive Foundations of Musical Pitch", table 2.1 (the probe-tone ratings
of Krumhansl and Kessler 1982) and chapter 4 (the key-finding algorithm: the greatest correlation).
"""

from typing import NamedTuple

import numpy as np

MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

# (2, 12, 12): [mode, key, pitch class], mode 0 minor, 1 major; each profile centred, of length 1.
_PROFILES = np.array([[np.roll(profile, key) for key in range(12)] for profile in (MINOR, MAJOR)])
_PROFILES -= _PROFILES.mean(axis=-1, keepdims=True)
_PROFILES /= np.linalg.norm(_PROFILES, axis=-1, keepdims=True)


class Key(NamedTuple):
    """A key (0 is C, 11 is B) and its mode (1 major, 0 minor), each -1 where there is none."""

    key: int
    key_confidence: float
    mode: int
    mode_confidence: float


def find_key(chroma: np.ndarray) -> Key:
    """Find the key whose profile correlates best with a chroma.

    Args:
        chroma: float (12,), how strong each pitch class is; any scale.

    Returns:
        The key. Its confidence is how much better its profile correlates than the best one of
        another tonic, that of the mode how much better than the other mode on the same tonic; both
        are cut at 1. No key where all pitch classes are equally strong, as in silence.
    """
    centred = chroma - chroma.mean()
    length = np.linalg.norm(centred)
    if length <= 1e-6 * np.linalg.norm(chroma):
        return Key(-1, 0.0, -1, 0.0)
    r = _PROFILES @ (centred / length)
    mode, key = (int(i) for i in np.unravel_index(r.argmax(), r.shape))
    best = r[mode, key]
    others = np.delete(r, key, axis=1).max()
    return Key(key, float(min(best - others, 1)), mode, float(min(best - r[1 - mode, key], 1)))
