import numpy as np
import pytest
import scipy.signal

from soundstage.errors import SoundstageError
from soundstage.features.psd import psd

SR = 16000


def noise(n, deviation=20.0):
    y = np.random.default_rng(0).normal(0, deviation, n)
    return np.clip(np.rint(y), -128, 127).astype(np.int8)


def tone(amplitude, bin_, n=4096):
    """A sinusoid in the middle of row `bin_` of 256-sample frames."""
    y = amplitude * np.sin(2 * np.pi * bin_ / 256 * np.arange(n) + 0.3)
    return np.rint(y).astype(np.int8)


def tukey():
    """The periodic window of 256 samples whose outer 32 on either side are a raised cosine."""
    w = np.ones(257)
    w[:32] = 0.5 - 0.5 * np.cos(np.pi * np.arange(32) / 32)
    w[225:] = w[32::-1][1:]
    return w[:256]


def test_equals_the_formula():
    y = noise(5000)
    frames = np.stack([y[i : i + 256] for i in range(0, 5000 - 255, 224)]).astype(np.float64)
    frames -= frames.mean(axis=1, keepdims=True)
    expected = np.abs(np.fft.rfft(frames * tukey())) ** 2 / np.sum(tukey() ** 2)
    expected[:, 1:-1] *= 2
    np.testing.assert_allclose(psd(y, SR), expected.T, rtol=1e-6, atol=1e-6 * expected.max())


def test_equals_scipy_as_paper_000_calls_it():
    y = noise(20_000)
    expected = scipy.signal.spectrogram(y)[2]
    np.testing.assert_allclose(psd(y, SR), expected, rtol=1e-6, atol=1e-6 * expected.max())


def rms(x):
    return np.sqrt(np.mean(np.square(x, dtype=np.float64)))


@pytest.mark.parametrize(
    ("nperseg", "noverlap"),
    [(256, 32), (256, 255), (255, 31), (100, 50), (64, 0), (8, 3), (7, 2), (1024, 512), (2048, 0)],
)
@pytest.mark.parametrize("signal", ["noise", "tone", "one step"])
def test_is_within_a_millionth_of_scipy(signal, nperseg, noverlap):
    y = {"noise": noise(9000), "tone": tone(100, 5.3, 9000), "one step": noise(9000, 0.4)}[signal]
    reference = scipy.signal.spectrogram(
        y.astype(np.float64), fs=SR, nperseg=nperseg, noverlap=noverlap
    )[2]
    S = psd(y, SR, fs=SR, nperseg=nperseg, noverlap=noverlap)
    assert S.shape == reference.shape
    assert rms(S - reference) <= 1e-6 * rms(reference)


def test_a_clip_of_paper_000():
    S = psd(noise(465_984), SR)
    assert S.shape == (129, 2080)
    assert S.max() > 512  # or the clamp at 512 would never act
    assert psd(noise(465_984), SR, fs=SR).max() < 512


@pytest.mark.parametrize("bin_", [5, 40, 120])
def test_a_tone_lands_in_its_row(bin_):
    assert (psd(tone(100, bin_), SR).argmax(axis=0) == bin_).all()


def test_scale():
    S = psd(tone(100, 41), SR)
    # The mean square of a sinusoid is half its amplitude squared, whatever the window.
    np.testing.assert_allclose(S.sum(axis=0) / 256, 100**2 / 2, rtol=1e-3)
    peak = 100**2 / 2 * tukey().sum() ** 2 / np.sum(tukey() ** 2)
    np.testing.assert_allclose(S[41], peak, rtol=1e-3)


def test_a_constant_has_no_power():
    assert not psd(np.full(3000, 100, np.int8), SR).any()


def test_fs_divides():
    y = noise(3000)
    np.testing.assert_allclose(psd(y, SR, fs=SR) * SR, psd(y, SR), rtol=1e-6)


@pytest.mark.parametrize(
    ("n", "frames"), [(1, 0), (255, 0), (256, 1), (479, 1), (480, 2), (703, 2), (704, 3)]
)
def test_only_whole_frames(n, frames):
    assert psd(noise(n), SR).shape == (129, frames)


def test_other_frames():
    assert psd(noise(1000), SR, nperseg=100, noverlap=50).shape == (51, 19)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_refuses_other_samples(dtype):
    with pytest.raises(ValueError, match="int8"):
        psd(np.ones(1000, dtype), SR)


def test_refuses_an_overlap_of_whole_frames():
    with pytest.raises(SoundstageError, match="noverlap=256 must be below nperseg=256"):
        psd(noise(1000), SR, noverlap=256)
