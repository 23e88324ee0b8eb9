import librosa
import numpy as np
import pytest
import torch

from soundstage.nn.log_mel import LogMel

SR = 22_050


@pytest.fixture
def y():
    """Three clips of 1 s: a sweep, a rising noise, and a click in silence."""
    t = np.arange(SR) / SR
    y = np.zeros((3, SR), np.float32)
    y[0] = 0.5 * np.sin(2 * np.pi * (100 + 4000 * t) * t)
    y[1] = np.random.default_rng(0).normal(size=SR) * np.linspace(0, 0.3, SR)
    y[2, 5000] = 1
    return y


def power(y, **sizes):
    return librosa.feature.melspectrogram(y=y, sr=SR, **sizes)


@pytest.mark.parametrize(
    "sizes",
    [
        {"n_fft": 2048, "hop_length": 528, "n_mels": 128},
        {"n_fft": 1024, "hop_length": 300, "n_mels": 40},
    ],
)
@pytest.mark.parametrize("top_db", [80.0, 30.0])
def test_decibels_are_librosas(y, sizes, top_db):
    found = LogMel(SR, **sizes, top_db=top_db)(torch.from_numpy(y)).numpy()
    for clip, row in zip(y, found, strict=True):
        expected = librosa.power_to_db(power(clip, **sizes), ref=np.max, top_db=top_db)
        np.testing.assert_allclose(row, expected, rtol=3e-5, atol=1e-5)
    assert found.max((1, 2)) == pytest.approx(0)
    assert found.min() == -top_db


def test_power_is_librosas(y):
    sizes = {"n_fft": 2048, "hop_length": 528, "n_mels": 128}
    found = LogMel(SR, **sizes, decibels=False)(torch.from_numpy(y)).numpy()
    for clip, row in zip(y, found, strict=True):
        expected = power(clip, **sizes)
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-6 * expected.max())


def test_a_tone_lands_in_its_band():
    t = torch.arange(SR) / SR
    level = LogMel(SR, n_mels=64)(torch.sin(2 * torch.pi * 1000 * t)[None])[0]
    centres = librosa.mel_frequencies(66, fmin=0, fmax=SR / 2)[1:-1]
    assert level.mean(1).argmax() == np.abs(centres - 1000).argmin()


def test_paper_001s_shape():
    assert LogMel(44_100, hop_length=528)(torch.zeros(1, 661_500)).shape == (1, 128, 1253)


def test_silence_is_flat():
    assert torch.equal(LogMel(SR)(torch.zeros(1, 4000)), torch.zeros(1, 128, 8))


def test_autocast_costs_no_precision(y):
    layer, x = LogMel(SR), torch.from_numpy(y)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), layer(x.float()))
        found = layer(x)
    assert torch.equal(found, layer(x))


def test_nothing_is_stored_with_the_weights():
    assert LogMel(SR).state_dict() == {}


@pytest.mark.parametrize(("sr", "n_fft", "n_mels"), [(44_100, 512, 128), (8000, 64, 40)])
def test_a_band_without_bins_is_refused(sr, n_fft, n_mels):
    with pytest.warns(UserWarning, match="Empty filters"):
        empty = (librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels) == 0).all(1).sum()
    with pytest.raises(ValueError, match=f"{empty} of {n_mels} mel bands hold no frequency bin"):
        LogMel(sr, n_fft=n_fft, n_mels=n_mels)
