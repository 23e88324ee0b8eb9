import librosa
import numpy as np
import pytest

from soundstage.dsp.hpss import harmonic
from soundstage.dsp.stft import Spectrogram

SR = 22050


def music(n):
    t = np.arange(n) / SR
    y = 0.3 * np.sin(2 * np.pi * 440 * t)
    y += np.exp(-(t % 0.25) / 0.01) * np.random.default_rng(0).normal(0, 0.2, n)
    return y.astype(np.float32)


@pytest.mark.parametrize(
    ("n", "n_fft", "hop"),
    [
        (30 * 512, 2048, 512),
        (40 * 512 + 511, 2048, 512),
        (63 * 512 + 1, 2048, 512),
        (9000, 1024, 128),
    ],
)
def test_is_librosas(n, n_fft, hop):
    y = music(n)
    expected, percussive = librosa.effects.hpss(y, n_fft=n_fft, hop_length=hop)
    found = harmonic(Spectrogram(y, n_fft, hop), n)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(y - found, percussive, atol=1e-6)


def test_a_tone_is_harmonic_and_a_click_is_not():
    t = np.arange(2 * SR) / SR
    tone = 0.5 * np.sin(2 * np.pi * 1000 * t).astype(np.float32)
    click = np.zeros(2 * SR, np.float32)
    click[SR] = 1
    assert np.abs(harmonic(Spectrogram(tone, 2048, 512), tone.size) - tone)[2048:-2048].max() < 0.01
    assert np.abs(harmonic(Spectrogram(click, 2048, 512), click.size)).max() < 0.01


def test_silence_is_shared_out_without_nan():
    assert not harmonic(Spectrogram(np.zeros(SR, np.float32), 2048, 512), SR).any()


def test_a_lone_bin_is_halved():
    """Both medians are zero around it, and neither part has the better claim."""
    spectrogram = Spectrogram(np.zeros(SR, np.float32), 2048, 512)
    tiles = spectrogram.tiles(0, spectrogram.n_tiles)
    tiles.re[2, 100, 3] = 5
    tiles.power[2, 100, 3] = 25
    spectrum = np.zeros((1025, tiles.n_frames), np.complex64)
    spectrum[100, 19] = 2.5
    found = harmonic(spectrogram, SR)
    assert np.abs(found).max() > 1e-3
    np.testing.assert_allclose(found, librosa.istft(spectrum, length=SR), atol=1e-8)
