from itertools import combinations

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from soundstage.dsp.constellation import BINS, hashes, peaks


@pytest.fixture(name="S")
def spectrogram():
    return np.random.default_rng(0).exponential(size=(120, 70)).astype(np.float32)


@pytest.mark.parametrize(("frames", "bins"), [(1, 1), (3, 8), (14, 2), (200, 200)])
def test_peaks_are_the_maxima_of_their_rectangles(S, frames, bins):
    greatest = maximum_filter(S, (2 * frames + 1, 2 * bins + 1), mode="constant")
    expected = np.argwhere((greatest == S) & (S > 0.5))
    np.testing.assert_array_equal(peaks(S, 0.5, frames, bins), expected)


def test_of_equal_values_the_first_is_the_peak():
    S = np.zeros((9, 9), np.float32)
    S[2:5, 3:6] = 1
    assert peaks(S, 0.0, 2, 2).tolist() == [[2, 3]]
    assert peaks(np.ones((9, 9), np.float32), 0.0, 2, 2).tolist() == [[0, 0]]


def test_silence_has_no_peaks():
    assert peaks(np.zeros((9, 9), np.float32), 0.0, 1, 1).shape == (0, 2)
    assert peaks(np.zeros((0, 9), np.float32), 0.0, 1, 1).shape == (0, 2)


def constellations(found, fan_out):
    """What each hash stands for, by the definition: bins, steps in bins, steps in two frames."""
    for i, (t, f) in enumerate(found):
        steps = [((u - t) // 2, g - f) for u, g in found[i + 1 :]]
        within = [(dt, df) for dt, df in steps if 0 < dt < 32 and abs(df) < 32]
        for (dt, df), (du, dg) in combinations(within[:fan_out], 2):
            yield (f, df, dg, dt, du), t


def unpacked(value):
    value, du = divmod(value, 32)
    value, dt = divmod(value, 32)
    value, dg = divmod(value, 64)
    f, df = divmod(value, 64)
    return f, df - 32, dg - 32, dt, du


@pytest.mark.parametrize("fan_out", [1, 2, 3, 6])
def test_a_hash_is_of_three_peaks(fan_out):
    cells = np.random.default_rng(1).choice(400 * BINS, 500, replace=False)
    found = np.stack(np.divmod(np.sort(cells), BINS), axis=1)
    expected = list(constellations(found.tolist(), fan_out))
    got = [(unpacked(value), t) for value, t in hashes(found, fan_out).tolist()]
    assert got == expected
    assert (fan_out == 1) == (not expected)


def test_hashes_are_of_30_bits():
    found = np.array([[0, 255], [62, 224], [63, 254]])
    (value, _), *others = hashes(found, 2).tolist()
    assert not others
    assert 2**29 < value < 2**30
