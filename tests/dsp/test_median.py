import numpy as np
import pytest
from scipy.ndimage import median_filter

from soundstage.dsp.median import median_of_lanes, median_of_rows


def values(shape, levels):
    """Random values; few levels make many ties."""
    rng = np.random.default_rng(0)
    return rng.integers(levels, size=shape).astype(np.float32) / levels


@pytest.mark.parametrize("levels", [2, 5, 2**20])
@pytest.mark.parametrize("n", [31, 32, 33, 47, 48, 129])
def test_rows(n, levels):
    x = values((3, n + 4, 8), levels)
    out = np.full_like(x, -1)
    median_of_rows(x, n, out)
    np.testing.assert_array_equal(out[:, :n], median_filter(x[:, :n], size=(1, 31, 1)))
    assert (out[:, n:] == -1).all()


@pytest.mark.parametrize("levels", [2, 5, 2**20])
@pytest.mark.parametrize("n", [31, 32, 33, 40, 41, 129])
def test_lanes(n, levels):
    x = values((-(-n // 8), 16, 8), levels)
    out = np.empty_like(x)
    median_of_lanes(x, n, out)
    time = x.transpose(1, 0, 2).reshape(16, -1)[:, :n]
    medians = out.transpose(1, 0, 2).reshape(16, -1)[:, :n]
    np.testing.assert_array_equal(medians, median_filter(time, size=(1, 31)))


def test_zeros_and_ones():
    """A network that is right on zeros and ones is right on all numbers; here are many of them."""
    rng = np.random.default_rng(1)
    x = (rng.random((200, 64, 8)) < rng.random((200, 1, 8))).astype(np.float32)
    out = np.empty_like(x)
    median_of_rows(x, 64, out)
    np.testing.assert_array_equal(out, median_filter(x, size=(1, 31, 1)))
