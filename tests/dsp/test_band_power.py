import librosa
import numpy as np
import pytest

from soundstage.dsp import band_power as module
from soundstage.dsp.band_power import band_power, decibels, frames_of

SR = 22050


@pytest.mark.parametrize("n", [1, 511, 512, 2048, 5 * SR, 7 * SR])  # 7 s is more than one block
def test_equals_librosa(n):
    y = np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)
    bank = librosa.filters.mel(sr=SR, n_fft=2048, n_mels=24)
    padded = np.pad(y, (0, 2048))
    S = np.abs(librosa.stft(padded, n_fft=2048, hop_length=512))[:, : 1 + n // 512]
    window = librosa.filters.get_window("hann", 2048)
    expected = bank @ S**2 * 2 / (2048 * np.sum(window**2))
    power = band_power(y, bank, n_fft=2048, hop_length=512)
    assert power.dtype == np.float32
    np.testing.assert_allclose(power, expected, rtol=1e-4, atol=1e-12)


def test_a_full_scale_sine_has_a_mean_square_of_a_half():
    y = np.sin(2 * np.pi * 1000 * np.arange(SR) / SR).astype(np.float32)
    power = band_power(y, np.ones((1, 1025), np.float32), n_fft=2048, hop_length=512)
    np.testing.assert_allclose(power[0, 4:-4], 0.5, rtol=1e-3)
    np.testing.assert_allclose(decibels(power, -90.0)[0, 4:-4], -3.01, atol=0.01)


@pytest.mark.parametrize("n_fft", [4, 5])
def test_frames_are_centred_on_their_samples(n_fft):
    y = np.arange(1.0, 8.0, dtype=np.float32)
    frames = frames_of(y, n_fft, 3)
    assert frames.shape == (3, n_fft)
    np.testing.assert_array_equal(frames[:, n_fft // 2 + n_fft % 2], [1, 4, 7])


def test_decibels_have_a_floor():
    np.testing.assert_allclose(decibels(np.array([0.0, 1e-12, 1.0]), -90.0), [-90, -90, 0])


def test_blocks_change_no_number(monkeypatch):
    y = np.random.default_rng(0).normal(0, 0.1, SR).astype(np.float32)
    bank = librosa.filters.mel(sr=SR, n_fft=2048, n_mels=24)
    whole = band_power(y, bank, n_fft=2048, hop_length=512)
    monkeypatch.setattr(module, "_FRAMES", 5)
    np.testing.assert_array_equal(band_power(y, bank, n_fft=2048, hop_length=512), whole)
