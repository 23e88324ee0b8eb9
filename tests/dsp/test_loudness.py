import numpy as np
import pytest

from soundstage.dsp.loudness import frame_power, loudness


@pytest.mark.parametrize("n", [1, 9, 10, 11, 25, 30])
def test_frames_hold_what_lies_within_a_hop(n):
    y = np.random.default_rng(0).normal(size=n).astype(np.float32)
    power = frame_power(y, 10)
    assert power.shape == (1 + n // 10,)
    for k, value in enumerate(power):
        around = y[max(0, 10 * k - 10) : 10 * k + 10].astype(np.float64)
        assert value == pytest.approx(np.mean(around**2))


def test_decibels():
    np.testing.assert_allclose(loudness(np.array([1, 0.5, 0.01])), [0, -3.0103, -20], atol=1e-4)
    assert loudness(0.0) == -60
