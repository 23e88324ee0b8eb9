"""Peaks of a spectrogram, and hashes of what stands near each: a clip's constellations.

After Wang, "An industrial-strength audio search algorithm" (ISMIR 2003). There a hash is of two
peaks; here it is of three, an anchor and two later ones. Three are fewer to survive an encoding,
but chance hardly ever repeats them, so that equal hashes are few among very many clips.
"""

import numpy as np

from soundstage import paged
from soundstage.dsp.lanes import kernel

# What the 30 bits of a hash hold: the anchor's bin, and of two targets the distances in bins and in
# units of time. A unit is two frames, so that a peak which another start of the clip moves by one
# frame mostly keeps its distance.
BINS = 256
UNIT = 2
_REACH = 32  # distances are below it: in bins on either side, in units after the anchor


@kernel
def _beaten(S: np.ndarray, t: int, f: int, first: int, stop: int, u: int) -> bool:
    """Tell whether bins `first` to `stop` of frame u hold more than S[t, f], or as much before."""
    earlier = u < t
    for g in range(first, stop):
        if S[u, g] > S[t, f] or (S[u, g] == S[t, f] and (earlier or (u == t and g < f))):
            return True
    return False


@kernel
def _is_peak(S: np.ndarray, t: int, f: int, frames: int, bins: int) -> bool:
    first, stop = max(0, f - bins), min(S.shape[1], f + bins + 1)
    if _beaten(S, t, f, first, stop, t):
        return False
    for distance in range(1, frames + 1):  # the near ones first: they beat most
        if t >= distance and _beaten(S, t, f, first, stop, t - distance):
            return False
        if t + distance < len(S) and _beaten(S, t, f, first, stop, t + distance):
            return False
    return True


@kernel
def _peaks(
    S: np.ndarray, first: int, stop: int, floor: float, frames: int, bins: int
) -> np.ndarray:
    found = np.empty(((stop - first + 1) // 2 * ((S.shape[1] + 1) // 2), 2), np.int64)
    n = 0
    for t in range(first, stop):
        for f in range(S.shape[1]):
            if S[t, f] > floor and _is_peak(S, t, f, frames, bins):
                found[n, 0], found[n, 1] = t, f
                n += 1
    return found[:n].copy()


def peaks(S: np.ndarray, floor: float, frames: int, bins: int) -> np.ndarray:
    """Find what is greatest within a rectangle around it.

    Args:
        S: float32 (frames, bins).
        floor: what a peak must exceed.
        frames: how far the rectangle reaches, at least 1, before and after.
        bins: how far it reaches, at least 1, below and above.

    Returns:
        int64 (peaks, 2): frame and bin, sorted. Of equal values the first is the peak.
    """
    found = [np.empty((0, 2), np.int64)]
    for some in paged.blocks(S):
        # With what a rectangle reaches into on either side.
        around = S[max(0, some.start - frames) : some.stop + frames]
        first, stop = min(some.start, frames), min(some.stop, len(S)) - some.start
        inside = _peaks(around, first, first + stop, floor, frames, bins)
        inside[:, 0] += some.start - first
        found.append(inside)
    return np.concatenate(found)


@kernel
def hashes(peaks: np.ndarray, fan_out: int) -> np.ndarray:
    """Hash each peak with every two of the next `fan_out` peaks that are within reach.

    Args:
        peaks: int64 (peaks, 2): frame and bin, sorted, bins below `BINS`.
        fan_out: how many of the peaks 2 to 63 frames later and less than 32 bins away count, in
            the order of their frames.

    Returns:
        int32 (n, 2): hash, from 0 to 2**30 - 1, and the first peak's frame, in the order of these.
    """
    out = np.empty((len(peaks) * fan_out * (fan_out - 1) // 2, 2), np.int32)
    later = np.empty(fan_out, np.int64)
    time = np.empty(fan_out, np.int64)
    n = 0
    for i in range(len(peaks)):
        targets = 0
        for j in range(i + 1, len(peaks)):
            units = (peaks[j, 0] - peaks[i, 0]) // UNIT
            if targets == fan_out or units >= _REACH:
                break
            if units > 0 and abs(peaks[j, 1] - peaks[i, 1]) < _REACH:
                later[targets] = peaks[j, 1] - peaks[i, 1] + _REACH
                time[targets] = units
                targets += 1
        for a in range(targets):
            for b in range(a + 1, targets):
                pitch = (peaks[i, 1] * 2 * _REACH + later[a]) * 2 * _REACH + later[b]
                out[n, 0] = (pitch * _REACH + time[a]) * _REACH + time[b]
                out[n, 1] = peaks[i, 0]
                n += 1
    return out[:n].copy()
