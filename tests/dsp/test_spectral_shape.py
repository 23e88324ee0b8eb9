import librosa
import numpy as np

from soundstage.dsp.spectral_shape import spectral_shape
from soundstage.dsp.stft import frames

SR, N_BINS = 22050, 513


def shape_of(power):
    """Of (bins, frames), by tiles: centroid, bandwidth, roll-off in bins, and peak."""
    tiles = power.reshape(len(power), -1, 8).transpose(1, 0, 2).copy()
    out = np.empty((len(tiles), 4, 8), np.float32)
    spectral_shape(tiles, N_BINS, 0.85, out)
    return frames(out, power.shape[1])


def test_is_librosas():
    S = np.abs(np.random.default_rng(0).standard_cauchy(size=(N_BINS, 24))).astype(np.float32)
    centroid, bandwidth, rolloff, peak = shape_of(S**2)
    hertz = SR / 1024
    found = librosa.feature.spectral_centroid(S=S, sr=SR)[0]
    np.testing.assert_allclose(centroid * hertz, found, rtol=1e-5)
    found = librosa.feature.spectral_bandwidth(S=S, sr=SR)[0]
    np.testing.assert_allclose(bandwidth * hertz, found, rtol=1e-5)
    np.testing.assert_allclose(rolloff * hertz, librosa.feature.spectral_rolloff(S=S, sr=SR)[0])
    np.testing.assert_array_equal(peak, (S**2).max(axis=0))


def test_one_bin():
    power = np.zeros((520, 8), np.float32)
    power[100] = 4
    power[515] = 9  # after the last bin
    centroid, bandwidth, rolloff, peak = shape_of(power)
    assert (centroid == 100).all()
    assert (bandwidth == 0).all()
    assert (rolloff == 100).all()
    assert (peak == 4).all()


def test_silence_is_zero():
    assert not shape_of(np.zeros((N_BINS, 8), np.float32)).any()
