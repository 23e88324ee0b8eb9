import librosa
import numpy as np
import pytest

from soundstage.dsp import pitch_histogram as module
from soundstage.dsp.pitch_histogram import fold, pitch_features, pitch_histogram

SR = 22050
PARAMETERS = {"frame_length": 512, "n_peaks": 3, "fmin": 80.0, "fmax": 1000.0, "compression": 0.67}


def note(midi, harmonics=8, seconds=2):
    t = np.arange(seconds * SR) / SR
    f = librosa.midi_to_hz(midi)
    y = sum(np.sin(2 * np.pi * k * f * t) / k for k in range(1, harmonics + 1))
    return (0.2 * y).astype(np.float32)


@pytest.mark.parametrize("midi", range(42, 83, 5))
def test_a_note_lands_in_its_bin(midi):
    histogram = pitch_histogram(note(midi), SR, **PARAMETERS)
    assert histogram.argmax() == midi
    assert fold(histogram).argmax() == 7 * midi % 12


def test_c4_as_a_pure_tone():
    assert pitch_histogram(note(60, harmonics=1), SR, **PARAMETERS).argmax() == 60


def test_two_notes():
    histogram = pitch_histogram(note(60) + note(67), SR, **PARAMETERS)
    assert set(np.argsort(-histogram)[:3]) >= {60, 67}


def test_the_high_channel_hears_a_missing_fundamental():
    t = np.arange(2 * SR) / SR
    y = sum(np.sin(2 * np.pi * 262 * k * t) for k in range(8, 13)).astype(np.float32)
    assert pitch_histogram(0.1 * y, SR, **PARAMETERS).argmax() == 60


def test_blocks_change_no_number(monkeypatch):
    y = np.random.default_rng(0).normal(0, 0.1, 50 * 512 + 7).astype(np.float32)
    whole = pitch_histogram(y, SR, **PARAMETERS)
    monkeypatch.setattr(module, "_FRAMES", 7)
    np.testing.assert_allclose(pitch_histogram(y, SR, **PARAMETERS), whole, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 100, 511, 512, 513])
def test_silence_and_short_clips(n):
    assert not pitch_histogram(np.zeros(n, np.float32), SR, **PARAMETERS).any()
    assert np.isfinite(pitch_histogram(np.ones(n, np.float32), SR, **PARAMETERS)).all()


def test_features_of_a_histogram():
    histogram = np.zeros(128)
    histogram[[60, 72, 67]] = [3, 1, 2]  # C4, C5, G4
    np.testing.assert_array_equal(pitch_features(histogram), [4, 60, 0, 1, 6])


@pytest.mark.parametrize(("second", "fifths"), [(65, -1), (66, 6), (69, 3), (71, 5), (61, -5)])
def test_intervals_are_fifths(second, fifths):
    histogram = np.zeros(128)
    histogram[[60, second]] = [2, 1]
    assert pitch_features(histogram)[3] == fifths


def test_features_of_one_note_and_of_nothing():
    histogram = np.zeros(128)
    histogram[69] = 2
    np.testing.assert_array_equal(pitch_features(histogram), [2, 69, 3, 0, 2])
    assert not pitch_features(np.zeros(128)).any()
