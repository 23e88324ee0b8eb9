import librosa
import numpy as np
import pytest

from soundstage.dsp.stft import SPAN
from soundstage.dsp.tempogram import mean_autocorrelation, onset_medians


@pytest.mark.parametrize("n", [2, 9, 16, 17, 100, 8 * SPAN, 16 * SPAN + 1])
def test_onsets_are_librosas(n):
    levels = np.random.default_rng(0).normal(-40, 10, (128, n)).astype(np.float32)
    expected = librosa.onset.onset_strength(S=levels, sr=22050, aggregate=np.median)
    tiles = np.full((128, -(-n // 8) * 8), 99, np.float32)
    tiles[:, :n] = levels
    tiles = tiles.reshape(128, -1, 8).transpose(1, 0, 2)
    np.testing.assert_array_equal(onset_medians(tiles, n, 2), expected)


@pytest.mark.parametrize(("n", "lags"), [(40, 16), (400, 86), (1292, 344), (97, 33)])
def test_autocorrelation_is_the_mean_tempogram(n, lags):
    x = np.random.default_rng(0).exponential(size=n).astype(np.float32)
    x[10:20] = 0
    expected = librosa.feature.tempogram(onset_envelope=x, win_length=lags).mean(axis=1)
    window = librosa.filters.get_window("hann", lags)
    np.testing.assert_allclose(mean_autocorrelation(x, window), expected, atol=1e-6)


def test_a_pulse_every_ten_frames():
    x = np.zeros(500, np.float32)
    x[5::10] = 1  # both ends are 0, so that no ramp is put before or after
    found = mean_autocorrelation(x, np.hanning(100))
    assert found[0] == pytest.approx(1)
    assert set(np.flatnonzero(found > 0.01) % 10) == {0}
    assert (found >= 0).all()


def test_frames_without_onsets_count_as_zero():
    x = np.zeros(200, np.float32)
    x[50] = 1
    window = librosa.filters.get_window("hann", 20)
    expected = librosa.feature.tempogram(onset_envelope=x, win_length=20).mean(axis=1)
    np.testing.assert_allclose(mean_autocorrelation(x, window), expected, atol=1e-6)
