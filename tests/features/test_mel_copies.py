import numpy as np
import pytest

from soundstage.features.mel import mel
from soundstage.features.mel_copies import mel_copies

SR = 16000


def tone(hertz, seconds=2.0):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SR)) / SR)).astype(np.float32)


def test_the_first_copy_is_the_clip_as_it_is():
    y = tone(440)
    np.testing.assert_array_equal(mel_copies(y, SR)[0], mel(y, SR))


@pytest.mark.parametrize("semitones", [1.0, -12.0])
def test_the_second_copy_is_at_another_pitch_and_as_long(semitones):
    wanted = mel(tone(440 * 2 ** (semitones / 12)), SR)
    shifted = mel_copies(tone(440), SR, semitones=semitones)[1]
    assert shifted.shape == wanted.shape
    assert shifted[:, 30].argmax() == wanted[:, 30].argmax() != mel(tone(440), SR)[:, 30].argmax()


def test_the_third_copy_has_the_noise_that_was_asked_for_and_its_own():
    silence, nearly = np.zeros(4 * SR, np.float32), np.zeros(4 * SR, np.float32)
    nearly[-1] = 1e-6
    found = mel_copies(silence, SR, noise=0.01)[2]
    rng = np.random.default_rng(0)
    wanted = mel((0.01 * rng.standard_normal(4 * SR)).astype(np.float32), SR)
    np.testing.assert_allclose(found.mean(axis=1), wanted.mean(axis=1), atol=2.0)  # dB, by chance
    assert (found != mel_copies(nearly, SR, noise=0.01)[2]).mean() > 0.99
