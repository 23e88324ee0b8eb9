import numpy as np
import pytest

from soundstage.dsp.meter import METERS, find_meter


def accents(meter, downbeat, bars=8, noise=0.05):
    x = np.full(meter * bars, 0.4)
    x[downbeat::meter] = 1.0
    return x + np.random.default_rng(0).uniform(0, noise, x.size)


@pytest.mark.parametrize("meter", METERS)
@pytest.mark.parametrize("downbeat", [0, 2])
def test_the_bar_that_accents_make(meter, downbeat):
    found = find_meter(accents(meter, downbeat))
    assert (found.time_signature, found.downbeat) == (meter, downbeat)
    assert found.confidence > 0.9


def test_four_and_not_two_bars_of_a_march():
    x = np.tile([1.0, 0.4, 0.8, 0.4], 8)
    assert find_meter(x)[:2] == pytest.approx((4, 1.0))


def test_three_and_not_six():
    assert find_meter(accents(3, 0, noise=0)).time_signature == 3


def test_noise_is_unsure():
    rng = np.random.default_rng(0)
    confidences = [find_meter(rng.uniform(0.2, 1, 200)).confidence for _ in range(10)]
    assert np.mean(confidences) < 0.2


@pytest.mark.parametrize("x", [np.ones(40), np.zeros(40), np.ones(1), np.array([1.0, 0.1, 1.0])])
def test_common_time_where_accents_say_nothing(x):
    assert find_meter(x) == (4, 0.0, 0)


def test_no_beats():
    assert find_meter(np.zeros(0)) == (0, 0.0, 0)
