import librosa
import numpy as np
import pytest

from soundstage.dsp.texture import COLUMNS, texture
from soundstage.errors import SoundstageError

SR = 22050


def named(y, window=0, **changed):
    parameters = {"frame_length": 512, "texture_seconds": 3.0, "rolloff": 0.85, "n_mels": 40}
    rows = texture(y.astype(np.float32), SR, **(parameters | changed))
    return dict(zip(COLUMNS, rows[window], strict=True))


def tone(hertz, seconds=3.1):
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SR)) / SR)


@pytest.mark.parametrize("hertz", [300, 1000, 4000])
def test_a_tone(hertz):
    row = named(tone(hertz))
    assert row["centroid_mean"] == pytest.approx(hertz, rel=0.01)
    assert row["rolloff_mean"] == pytest.approx(hertz, abs=1.5 * SR / 512)
    # A frame has 512 samples and so 511 places for a change of sign.
    assert row["zero_crossings_mean"] == pytest.approx(2 * hertz / SR * 511, rel=0.01)
    assert row["flux_mean"] < 1e-3


def test_equals_librosa_on_the_same_frames():
    y = np.random.default_rng(0).normal(0, 0.1, 129 * 512).astype(np.float32)
    S = np.abs(librosa.stft(y, n_fft=512, hop_length=512, center=False)).astype(np.float64)
    row = named(y)
    assert list(row) == list(COLUMNS)
    power = librosa.feature.melspectrogram(S=S**2, sr=SR, n_fft=512, n_mels=40)
    decibels = librosa.power_to_db(power, top_db=None)
    mfcc = librosa.feature.mfcc(S=decibels, n_mfcc=6)[1:]
    expected = {
        "centroid": librosa.feature.spectral_centroid(S=S, sr=SR, n_fft=512)[0],
        "rolloff": librosa.feature.spectral_rolloff(S=S, sr=SR, n_fft=512)[0],
        **{f"mfcc{i + 1}": coefficient for i, coefficient in enumerate(mfcc)},
    }
    for name, trace in expected.items():
        assert row[f"{name}_mean"] == pytest.approx(trace.mean(), rel=1e-5, abs=1e-5)
        assert row[f"{name}_var"] == pytest.approx(trace.var(), rel=1e-4)
    N = S / np.linalg.norm(S, axis=0)
    flux = np.append(0, 2 - 2 * np.sum(N[:, 1:] * N[:, :-1], axis=0))
    assert row["flux_mean"] == pytest.approx(flux.mean(), rel=1e-5)
    assert row["flux_var"] == pytest.approx(flux.var(), rel=1e-5)


def test_flux_knows_the_frame_before_the_window():
    y = np.concatenate([tone(500)[: 129 * 512], tone(2000)[: 129 * 512]])
    first, second = named(y), named(y, window=1)
    assert first["flux_mean"] < 1e-3
    assert second["flux_mean"] == pytest.approx(2 / 129, rel=0.01)  # one pair of unlike spectra


def test_low_energy_is_the_share_of_quieter_frames():
    y = tone(1000)[: 128 * 512].reshape(128, 512)
    y[:96] *= 0.01
    assert named(y.ravel())["low_energy"] == 0.75


def test_windows_are_whole():
    y = tone(400, seconds=30)
    parameters = {"frame_length": 512, "rolloff": 0.85, "n_mels": 40}
    assert texture(y, SR, texture_seconds=3.0, **parameters).shape == (10, 19)
    assert texture(y[: 4 * SR], SR, texture_seconds=3.0, **parameters).shape == (1, 19)
    assert texture(y[:1], SR, texture_seconds=3.0, **parameters).shape == (1, 19)


def test_rolloff_is_a_share():
    y = tone(500) + tone(5000)
    assert named(y, rolloff=0.4)["rolloff_mean"] < 1000
    assert named(y, rolloff=0.9)["rolloff_mean"] > 4500


def test_silence_is_zero():
    assert set(named(np.zeros(SR)).values()) == {0.0}


def test_refuses_empty_bands():
    with (
        pytest.warns(UserWarning, match="Empty filters"),
        pytest.raises(SoundstageError, match="lower n_mels"),
    ):
        named(tone(500), n_mels=200)
