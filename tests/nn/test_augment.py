import librosa
import numpy as np
import pytest
import torch

from soundstage.nn.augment import Noise, TimeStretch, augment, time_stretch

SR = 22_050


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def music():
    """1 s of a tone, a sweep and some noise."""
    t = np.arange(SR) / SR
    y = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * (300 + 400 * t) * t)
    y += 0.01 * np.random.default_rng(0).normal(size=SR)
    return torch.from_numpy(y.astype(np.float32))


@pytest.fixture
def tones():
    """64 clips of a tone of 1000 Hz, loud in the middle."""
    t = torch.arange(SR // 4) / SR
    envelope = torch.sin(torch.pi * t / t[-1])
    return (envelope * torch.sin(2 * torch.pi * 1000 * t)).expand(64, -1)


class TestNoise:
    def test_its_deviation_is_drawn_between_low_and_high(self):
        noise = Noise(1.0, 0.001, 0.015)(torch.zeros(200, 2000))
        deviation = noise.std(1)
        assert 0.0009 < deviation.min() < 0.002
        assert 0.014 < deviation.max() < 0.0165
        assert deviation.mean().item() == pytest.approx(0.008, rel=0.15)
        assert noise.mean().abs() < 1e-4

    @pytest.mark.parametrize(("dtype", "steps"), [(torch.int8, 128), (torch.int16, 32_768)])
    def test_its_deviation_is_of_full_scale_whatever_the_dtype(self, dtype, steps):
        y = torch.full((1, 50_000), steps // 2, dtype=dtype)
        changed = Noise(1.0, 0.01, 0.01)(y)
        assert changed.mean().item() == pytest.approx(0.5, abs=1e-3)
        assert changed.std().item() == pytest.approx(0.01, rel=0.05)

    def test_white_and_gaussian(self):
        noise = Noise(1.0, 1.0, 1.0)(torch.zeros(1, 100_000))[0]
        assert (noise[1:] * noise[:-1]).mean().abs() < 0.02
        assert noise.pow(4).mean().item() == pytest.approx(3, rel=0.05)

    def test_chooses_clips(self):
        changed = Noise(0.25, 0.1, 0.1)(torch.zeros(400, 10)).any(1)
        assert 0.18 < changed.float().mean() < 0.32


class TestTimeStretch:
    @pytest.mark.parametrize("rate", [0.5, 0.8, 0.93, 1.0, 1.1, 1.25])
    def test_agrees_with_librosa(self, music, rate):
        expected = librosa.effects.time_stretch(music.numpy(), rate=rate)
        n = min(SR, len(expected))
        found = time_stretch(music[None], torch.tensor([rate]))[0].numpy()
        assert found.shape == (SR,)
        sure = n - 1024 if rate >= 1 else n  # a clip that has become shorter fades out
        np.testing.assert_allclose(found[:sure], expected[:sure], atol=2e-3)
        assert np.abs(found[sure:n]).max(initial=0) <= np.abs(expected).max()
        assert not found[n:].any()

    def test_pitch_stays_and_time_moves(self):
        t = torch.arange(SR) / SR
        tone = torch.sin(2 * torch.pi * 1000 * t)
        tone[: SR // 2] = 0  # it begins after half a second
        rates = torch.tensor([0.8, 1.25])
        for rate, y in zip(rates, time_stretch(tone.expand(2, -1), rates), strict=True):
            begin = (y.abs() > 0.3).float().argmax() / SR
            assert begin.item() == pytest.approx(0.5 / rate.item(), abs=0.03)
            end = min(SR, round(SR / rate.item()))
            spectrum = torch.fft.rfft(y[round(0.7 * SR) : end - 1024]).abs()
            hz = spectrum.argmax() / len(spectrum) * SR / 2
            assert hz.item() == pytest.approx(1000, abs=10)

    def test_each_clip_has_its_own_rate(self, music):
        rates = torch.tensor([0.8, 1.2])
        both = time_stretch(music.expand(2, -1), rates)
        for rate, y in zip(rates, both, strict=True):
            torch.testing.assert_close(y, time_stretch(music[None], rate[None])[0])

    def test_chooses_clips_and_leaves_the_others_alone(self, tones):
        y = TimeStretch(0.5, 0.8, 1.25)(tones)
        changed = (y != tones).any(1)
        assert 0.3 < changed.float().mean() < 0.7
        assert torch.equal(y[~changed], tones[~changed])

    def test_rates_are_drawn_between_low_and_high(self, monkeypatch):
        drawn = []
        monkeypatch.setattr("soundstage.nn.augment.time_stretch", lambda y, r: drawn.append(r) or y)
        TimeStretch(0.5, 0.8, 1.25)(torch.zeros(800, 1))
        (rates,) = drawn
        assert 340 < len(rates) < 460
        assert 0.8 <= rates.min() < 0.81
        assert 1.24 < rates.max() <= 1.25
        assert rates.mean().item() == pytest.approx(1.025, rel=0.03)

    def test_a_clip_shorter_than_a_frame(self):
        assert time_stretch(torch.randn(1, 10), torch.tensor([1.2])).shape == (1, 10)

    def test_silence_stays_silent(self):
        assert not time_stretch(torch.zeros(1, 5000), torch.tensor([0.9])).any()


@pytest.fixture
def augmentation():
    return augment(
        noise_p=0.5,
        noise_min=0.001,
        noise_max=0.015,
        stretch_p=0.5,
        stretch_min=0.8,
        stretch_max=1.25,
    )


def test_prediction_is_left_alone(augmentation, music):
    given = music.half()[None]
    y = augmentation.eval()(given)
    assert y.dtype == torch.float32
    assert torch.equal(y, given.float())


def test_the_input_is_left_alone(augmentation, tones):
    given = tones.clone()
    augmentation(given)
    assert torch.equal(given, tones)


def test_the_seed_decides(augmentation, tones):
    def drawn(seed):
        torch.manual_seed(seed)
        return augmentation(tones)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
