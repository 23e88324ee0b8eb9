import librosa
import numpy as np
import pytest

from soundstage.dsp.band_power import band_power
from soundstage.dsp.chroma import chroma_bank, strengths, tuning

SR, N_FFT = 22050, 4096


def tone(hertz, seconds=2):
    t = np.arange(seconds * SR) / SR
    return (0.2 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def bank(deviation=0.0, fmin=65.0, fmax=4200.0):
    return chroma_bank(SR, n_fft=N_FFT, tuning=deviation, fmin=fmin, fmax=fmax)


@pytest.mark.parametrize("midi", [48, 60, 64, 69, 83, 96])
def test_a_note_lands_in_its_pitch_class(midi):
    chroma = band_power(tone(librosa.midi_to_hz(midi)), bank(), n_fft=N_FFT, hop_length=512)
    found = strengths(chroma)[:, 50]
    assert found.argmax() == midi % 12
    assert np.sort(found)[-2] < 0.25


def test_weights_of_a_bin_add_up_to_one():
    frequencies = librosa.fft_frequencies(sr=SR, n_fft=N_FFT)
    sums = bank().sum(axis=0)
    inside = (frequencies >= 65) & (frequencies <= 4200)
    np.testing.assert_allclose(sums[inside], 1, rtol=1e-5)
    assert not sums[~inside].any()


@pytest.mark.parametrize("deviation", [-0.4, 0.0, 0.25])
def test_tuning_of_a_scale(deviation):
    notes = [tone(librosa.midi_to_hz(60 + k + deviation), seconds=1) for k in (0, 2, 4, 5, 7)]
    found = tuning(np.concatenate(notes), SR, n_fft=N_FFT, hop_length=512)
    assert found == pytest.approx(deviation, abs=0.04)


def test_tuning_equals_librosa():
    rng = np.random.default_rng(0)
    y = tone(452) + tone(678) + rng.normal(0, 0.001, 2 * SR).astype(np.float32)
    expected = librosa.estimate_tuning(y=y, sr=SR, n_fft=N_FFT, hop_length=512)
    assert tuning(y, SR, n_fft=N_FFT, hop_length=512) == pytest.approx(expected, abs=0.011)


def test_nothing_has_no_tuning():
    assert tuning(np.zeros(SR, np.float32), SR, n_fft=N_FFT, hop_length=512) == 0
    np.testing.assert_array_equal(strengths(np.zeros((12, 3))), 1)
