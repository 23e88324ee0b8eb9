import librosa
import numpy as np
import pytest

from soundstage.dsp.stft import Spectrogram, frames
from soundstage.dsp.tuning import peaks, tuning

SR, N_FFT = 22050, 2048


def tiles_of(y):
    spectrogram = Spectrogram(y, N_FFT, 512)
    return spectrogram.tiles(0, spectrogram.n_tiles)


def peaks_of(tiles):
    return peaks(tiles.power, tiles.power.max(axis=1), tiles.n_frames, SR, N_FFT)


def tuning_of(y):
    tiles = tiles_of(y)
    return tuning(*peaks_of(tiles)), tiles


@pytest.mark.parametrize("cents", [-30, 0, 20])
def test_a_chord_that_is_off(cents):
    t = np.arange(2 * SR) / SR
    hertz = [440 * 2 ** ((note + cents / 100) / 12) for note in (0, 4, 7, 12)]
    y = sum(0.1 * np.sin(2 * np.pi * f * t) for f in hertz).astype(np.float32)
    found, tiles = tuning_of(y)
    assert found == pytest.approx(cents / 100, abs=0.04)
    power = frames(tiles.power, tiles.n_frames)[: tiles.n_bins]
    assert found == librosa.estimate_tuning(S=power, sr=SR, n_fft=N_FFT)


def test_noise_as_librosa_has_it():
    found, tiles = tuning_of(np.random.default_rng(0).normal(size=3 * SR).astype(np.float32))
    power = frames(tiles.power, tiles.n_frames)[: tiles.n_bins]
    assert found == librosa.estimate_tuning(S=power, sr=SR, n_fft=N_FFT)


def test_peaks_are_those_of_piptrack():
    tiles = tiles_of(np.random.default_rng(1).normal(size=SR).astype(np.float32))
    power = frames(tiles.power, tiles.n_frames)[: tiles.n_bins]
    pitches, magnitudes = librosa.piptrack(S=power, sr=SR, n_fft=N_FFT)
    found, powers = peaks_of(tiles)
    assert found.size == np.count_nonzero(pitches) > 1000
    np.testing.assert_allclose(np.sort(found), np.sort(pitches[pitches > 0]), rtol=1e-6)
    np.testing.assert_allclose(np.sort(powers), np.sort(magnitudes[pitches > 0]), rtol=1e-5)


def test_silence_is_in_tune():
    assert tuning_of(np.zeros(SR, np.float32))[0] == 0
