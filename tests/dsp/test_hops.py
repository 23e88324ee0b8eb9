import librosa
import numpy as np
import pytest

from soundstage.dsp.hops import rms_and_crossings
from soundstage.dsp.stft import padded

N_FFT, HOP = 256, 64


def signals():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=3000).astype(np.float32)
    nearly = np.where(rng.random(3001) < 0.5, 1e-11, -1e-11).astype(np.float32)
    steps = np.repeat(np.float32([-1, 1, 0, -1]), 16 * HOP)[: 61 * HOP]
    return {"noise": noise, "nearly zero": nearly, "steps": steps, "below zero": -np.abs(noise)}


@pytest.mark.parametrize("name", signals())
def test_is_librosas(name):
    y = signals()[name]
    n_frames = 1 + y.size // HOP
    rms, crossings = rms_and_crossings(padded(y, N_FFT, HOP), y.size, N_FFT, HOP, n_frames)
    expected = librosa.feature.rms(y=y, frame_length=N_FFT, hop_length=HOP)[0]
    np.testing.assert_allclose(rms, expected, rtol=1e-6)
    expected = librosa.feature.zero_crossing_rate(y, frame_length=N_FFT, hop_length=HOP)[0]
    np.testing.assert_array_equal(crossings, expected)


def test_root_mean_square_of_a_mirrored_signal():
    y = signals()["noise"]
    around = np.pad(y, N_FFT // 2, mode="reflect")
    expected = librosa.feature.rms(y=around, frame_length=N_FFT, hop_length=HOP, center=False)[0]
    mirrored = padded(y, N_FFT, HOP, "reflect")
    rms, _ = rms_and_crossings(mirrored, y.size, N_FFT, HOP, len(expected))
    np.testing.assert_allclose(rms, expected, rtol=1e-6)
