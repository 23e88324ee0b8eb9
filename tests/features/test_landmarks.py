import numpy as np
import pytest
from scipy.signal import get_window

from soundstage.features.landmarks import landmarks

SR = 16000


def notes(*played, seconds=3.0):
    """Short notes, each (seconds, bin of 1,024 samples), a Hann window long."""
    y = np.zeros(int(seconds * SR), np.float32)
    for start, bin_ in played:
        first = round(start * SR)
        tone = np.sin(2 * np.pi * bin_ / 1024 * np.arange(2048)) * get_window("hann", 2048)
        y[first : first + 2048] += 0.3 * tone.astype(np.float32)
    return y


@pytest.fixture
def melody(rng):
    starts = np.sort(rng.uniform(0, 9.5, 60))
    return notes(*zip(starts, rng.integers(20, 200, 60), strict=True), seconds=10)


def test_a_landmark_says_which_notes_follow_each_other_and_when():
    # Frames of 256 samples: the first note is in the middle of frame 24, ...
    played = [(0.40, 50), (0.80, 60), (1.20, 45)]
    ((value, frame),) = landmarks(notes(*played), SR).tolist()
    assert frame == round((0.40 * SR + 1024 - 512) / 256)
    pitch, time = divmod(value, 1024)
    first, second = np.array([0.40, 0.80]) * SR / 512
    assert divmod(time, 32) == (round(first), round(second))
    assert divmod(pitch, 64**2) == (50 - 1, (60 - 50 + 32) * 64 + 45 - 50 + 32)  # bin 1 is 0


def test_the_level_is_of_no_effect(melody):
    expected = landmarks(melody, SR)
    assert len(expected) > 30
    for factor in (1 / 64, 4):
        np.testing.assert_array_equal(landmarks(factor * melody, SR), expected)


def test_a_later_clip_has_the_same_landmarks_later(melody):
    expected = landmarks(melody, SR)
    later = landmarks(np.concatenate([np.zeros(256 * 100, np.float32), melody]), SR)
    np.testing.assert_array_equal(later - [0, 100], expected)


def test_pcm8_has_nearly_the_same_landmarks(melody):
    expected = set(landmarks(melody, SR)[:, 0].tolist())
    stored = landmarks(np.rint(melody * 128).astype(np.int8), SR)
    assert len(expected & set(stored[:, 0].tolist())) > 0.9 * len(expected)


def test_what_is_softer_than_the_floor_does_not_count():
    y = notes((0.40, 50), (0.80, 60), (1.20, 45)) + 1e-3 * notes((1.6, 70), (2.0, 75), (2.4, 80))
    assert len(landmarks(y, SR)) == 1
    assert len(landmarks(y, SR, floor_db=80.0)) > 1


@pytest.mark.parametrize("y", [np.zeros(SR, np.int8), np.full(SR, 90, np.int8)])
def test_silence_has_none(y):
    assert landmarks(y, SR).shape == (0, 2)


@pytest.mark.parametrize("n_fft", [1, 16, 100, 2048])
def test_other_frames(melody, n_fft):
    found = landmarks(melody, SR, n_fft=n_fft, hop_length=max(n_fft // 4, 1))
    assert found.dtype == np.int32
    assert found.shape[1] == 2
    assert (found >= 0).all()
