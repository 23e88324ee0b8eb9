import librosa
import numpy as np
import pytest

from soundstage.dsp.mel import decibels, mel_bands, mel_power


def noise(n):
    return np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)


@pytest.mark.parametrize("n_mels", [1, 2, 3, 40, 127, 128])
def test_equals_the_whole_matrix(n_mels):
    y = noise(30_000)
    bands = librosa.filters.mel(sr=16000, n_fft=2048, n_mels=n_mels)
    expected = bands @ np.abs(librosa.stft(y)) ** 2
    found = mel_power(y, mel_bands(16000, 2048, n_mels, 0.0, None), n_fft=2048, hop_length=512)
    assert found.shape == (n_mels, 59)
    np.testing.assert_allclose(found, expected, rtol=2e-6)


def test_counts_bands_without_bins():
    assert mel_bands(16000, 2048, 128, 0.0, None).empty == 0
    with pytest.warns(UserWarning, match="Empty filters"):
        bands = mel_bands(16000, 256, 100, 0.0, None)
    assert bands.empty == np.sum(mel_power(noise(999), bands, n_fft=256, hop_length=99)[:, 3] == 0)
    assert bands.empty > 0


def test_decibels():
    power = np.array([[0, 1e-40, 1e-12, 1e-10, 1e-9], [1e-3, 0.1, 1, 10, 1e6]], np.float32)
    expected = np.array([[-100, -100, -100, -100, -90], [-30, -10, 0, 10, 60]])
    np.testing.assert_allclose(decibels(power.copy(), None), expected, rtol=1e-6)
    floor = np.maximum(expected, -20)
    np.testing.assert_allclose(decibels(power.copy(), 80.0), floor, rtol=1e-6)
    np.testing.assert_allclose(decibels(power.copy(), 300.0), expected, rtol=1e-6)


def test_decibels_of_silence_are_exactly_the_floor():
    np.testing.assert_array_equal(decibels(np.zeros((2, 3), np.float32), None), -100)
    np.testing.assert_array_equal(decibels(np.zeros((2, 3), np.float32), 80.0), -100)


def test_decibels_equal_librosa():
    power = np.random.default_rng(0).lognormal(-5, 6, (50, 200)).astype(np.float32)
    for top_db in (None, 80.0, 30.0):
        expected = librosa.power_to_db(power, top_db=top_db)
        np.testing.assert_allclose(decibels(power.copy(), top_db), expected, rtol=1e-6, atol=1e-5)
