import numpy as np
import pytest

from soundstage.dsp.fft import fft, irfft, order, rfft, turns


@pytest.mark.parametrize("n", [2, 4, 8, 16, 64, 512, 1024])
@pytest.mark.parametrize(("kind", "tolerance"), [("float32", 3e-7), ("float64", 1e-15)])
def test_complex(n, kind, tolerance):
    re, im = np.random.default_rng(n).normal(size=(2, 3, n, 8)).astype(kind)
    expected = np.fft.fft(re + 1j * im.astype(np.float64), axis=1)
    fft(re, im, turns(n, kind))
    found = (re + 1j * im)[:, order(n)]
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("n", [4, 8, 32, 1024, 2048])
def test_real_and_back(n):
    x = np.random.default_rng(n).normal(size=(2, n, 8)).astype(np.float32)
    even, odd = x[:, ::2].copy(), x[:, 1::2].copy()
    re, im = np.full((2, 2, n // 2 + 3, 8), 7, np.float32)
    rfft(even, odd, order(n // 2), turns(n), re, im)
    found = (re + 1j * im)[:, : n // 2 + 1]
    expected = np.fft.rfft(x.astype(np.float64), axis=1)
    assert np.abs(found - expected).max() <= 3e-7 * np.abs(expected).max()
    assert (re[:, n // 2 + 1 :] == 7).all()  # what is after the last frequency is not touched

    irfft(re, im, turns(n), even, odd)
    back = np.stack([even[:, order(n // 2)], odd[:, order(n // 2)]], axis=2).reshape(2, n, 8)
    np.testing.assert_allclose(back / n, x, atol=2e-6)


def test_the_inverse_takes_no_imaginary_part_at_its_ends():
    re, im = np.random.default_rng(0).normal(size=(2, 1, 9, 8)).astype(np.float32)
    even, odd = np.empty((2, 1, 8, 8), np.float32)
    irfft(re, im, turns(16), even, odd)
    expected = np.fft.irfft(re[0] + 1j * im[0], axis=0) * 16
    np.testing.assert_allclose(even[0, order(8)], expected[::2], atol=1e-5)
    np.testing.assert_allclose(odd[0, order(8)], expected[1::2], atol=1e-5)


def test_a_silent_lane_stays_silent():
    even, odd = np.random.default_rng(0).normal(size=(2, 1, 512, 8)).astype(np.float32)
    even[..., 3] = odd[..., 3] = 0
    re, im = np.empty((2, 1, 513, 8), np.float32)
    rfft(even, odd, order(512), turns(1024), re, im)
    assert not re[..., 3].any()
    assert not im[..., 3].any()
