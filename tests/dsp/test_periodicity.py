import numpy as np
import pytest

from soundstage.dsp.periodicity import autocorrelation, enhance, highest_peaks


def test_autocorrelation_is_the_sum_of_lagged_products():
    x = np.random.default_rng(0).normal(size=(3, 101))
    expected = [np.correlate(row, row, "full")[100:] for row in x]
    np.testing.assert_allclose(autocorrelation(x), expected, rtol=1e-9, atol=1e-9)


def test_enhancing_takes_out_lag_zero_and_even_multiples():
    x = np.zeros((1, 1000))
    x[0, ::100] = 1
    r = enhance(autocorrelation(x))
    assert r[0, 0] == 0
    np.testing.assert_array_equal(np.flatnonzero(r[0] > 0.5) % 200, 100)
    assert np.count_nonzero(r[0] > 0.5) == 5


@pytest.mark.parametrize("lags", [1, 2, 3, 4, 5])
def test_stretching_holds_every_length(lags):
    r = np.linspace(1, 2, lags)[None]
    expected = np.maximum(r - np.interp(np.arange(lags) / 2, np.arange(lags), r[0]), 0)
    np.testing.assert_allclose(enhance(r), expected, atol=1e-12)


def test_peaks_lie_between_samples():
    place = np.arange(200)
    r = np.exp(-(((place - 50.3) / 5) ** 2)) + 2 * np.exp(-(((place - 120.8) / 5) ** 2))
    lags, heights = highest_peaks(r[None], 3, 10, 190)
    np.testing.assert_allclose(lags[0, :2], [120.8, 50.3], atol=0.02)
    np.testing.assert_allclose(heights[0], [2, 1, 0], atol=0.01)


def test_peaks_outside_the_range_do_not_count():
    r = np.zeros((2, 50))
    r[:, [10, 20, 30]] = [1, 2, 3]
    lags, heights = highest_peaks(r, 2, 15, 25)
    np.testing.assert_array_equal(lags[:, 0], 20)
    np.testing.assert_array_equal(heights, [[2, 0], [2, 0]])


def test_fewer_lags_than_peaks():
    lags, heights = highest_peaks(np.zeros((2, 4)), 3, 0, 4)
    assert lags.shape == heights.shape == (2, 3)
    assert not heights.any()
