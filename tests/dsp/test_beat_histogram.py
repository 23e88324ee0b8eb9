import librosa
import numpy as np
import pytest

from soundstage.dsp import beat_histogram as module
from soundstage.dsp.beat_histogram import beat_features, beat_histogram

SR = 22050
PARAMETERS = {
    "window": 65536,
    "hop_length": 32768,
    "octaves": 5,
    "n_peaks": 3,
    "bpm_min": 40,
    "bpm_max": 200,
}


def clicks(bpm, seconds=20):
    times = np.arange(0.1, seconds - 0.1, 60 / bpm)
    return librosa.clicks(times=times, sr=SR, length=seconds * SR).astype(np.float32)


def test_the_wavelet_is_daubechies():
    # Orthonormal under shifts of two, and blind (high) to what is constant or a ramp.
    low, high = module._LOW, module._HIGH
    for a, b, product in [(low, low, 1), (high, high, 1), (low, high, 0)]:
        assert np.dot(a, b) == pytest.approx(product, abs=1e-12)
        assert np.dot(a[2:], b[:2]) == pytest.approx(0, abs=1e-12)
    assert high.sum() == pytest.approx(0, abs=1e-12)
    assert np.dot(high, np.arange(4)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("bpm", [45, 60, 90, 120, 170])
def test_clicks_peak_at_their_tempo(bpm):
    histogram = beat_histogram(clicks(bpm), SR, **PARAMETERS)
    assert histogram.shape == (161,)
    assert abs(40 + histogram.argmax() - bpm) <= 1


def test_the_level_does_not_count():
    y = clicks(120)
    expected = beat_histogram(y, SR, **PARAMETERS)
    np.testing.assert_allclose(beat_histogram(y / 1024, SR, **PARAMETERS), expected, rtol=1e-6)


def test_the_length_does_not_count():
    short, long = (beat_histogram(clicks(120, s), SR, **PARAMETERS).sum() for s in (12, 48))
    assert short == pytest.approx(long, rel=0.1)


def test_a_steady_tone_has_no_beat():
    y = (0.3 * np.sin(2 * np.pi * 440 * np.arange(10 * SR) / SR)).astype(np.float32)
    assert beat_histogram(y, SR, **PARAMETERS).sum() < 0.02
    assert beat_histogram(clicks(120), SR, **PARAMETERS).sum() > 0.5


@pytest.mark.parametrize("n", [1, 31, 32, 1000, 65535, 65537])
def test_silence_and_short_clips(n):
    assert not beat_histogram(np.zeros(n, np.float32), SR, **PARAMETERS).any()
    assert np.isfinite(beat_histogram(np.ones(n, np.float32), SR, **PARAMETERS)).all()


def test_features_of_a_histogram():
    histogram = np.zeros(161)
    histogram[[20, 22, 80]] = [6, 3, 1]  # 60, 62 (the same beat) and 120 beats a minute
    np.testing.assert_allclose(beat_features(histogram, 40, 6), [0.6, 0.1, 1 / 6, 60, 120, 10])
    np.testing.assert_allclose(beat_features(histogram, 40, 1), [0.6, 0.3, 0.5, 60, 62, 10])


def test_features_of_peaks_at_the_ends():
    histogram = np.zeros(161)
    histogram[[0, 160]] = [1, 3]
    np.testing.assert_allclose(beat_features(histogram, 40, 6), [0.75, 0.25, 1 / 3, 200, 40, 4])


def test_features_of_nothing():
    assert not beat_features(np.zeros(161), 40, 6).any()
