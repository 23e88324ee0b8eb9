import librosa
import numpy as np
import pytest
import scipy.signal

from soundstage.errors import SoundstageError
from soundstage.features.mel import mel

SR = 22050


def noise(n):
    return np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)


def tone(hertz, sr, n=8192, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(n) / sr)).astype(np.float32)


def edges(sr, n_mels=128):
    """Hz at which Slaney's bands begin, peak and end: linear to 1 kHz, then 27 steps to 6.4 kHz."""
    linear = 200 / 3
    top = 15 + 27 * np.log(sr / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, n_mels + 2)
    return np.where(mels < 15, mels * linear, 1000 * 6.4 ** ((mels - 15) / 27))


def by_hand(y, sr):
    """Log-mel from the definition, in float64."""
    padded = np.pad(y.astype(np.float64), 1024)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    frames = np.stack([padded[i : i + 2048] for i in range(0, y.size + 1, 512)])
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    f = np.arange(1025) * sr / 2048
    begin, peak, end = (edges(sr)[i : i + 128, None] for i in range(3))
    triangles = np.maximum(0, np.minimum((f - begin) / (peak - begin), (end - f) / (end - peak)))
    return 10 * np.log10((2 / (end - begin) * triangles) @ power.T)


@pytest.mark.parametrize("sr", [16000, 22050])
def test_equals_the_definition(sr):
    np.testing.assert_allclose(mel(noise(9000), sr), by_hand(noise(9000), sr), rtol=0, atol=1e-3)


def test_equals_librosa():
    y = noise(30_000)
    expected = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR), top_db=None)
    np.testing.assert_allclose(mel(y, SR), expected, rtol=0, atol=1e-4)


def rms(x):
    return np.sqrt(np.mean(np.square(x, dtype=np.float64)))


def signal(name, n=40_000):
    """Noise, a quiet one, a chord (also as 16-bit samples), a chord over bursts, dull noise."""
    t = np.arange(n) / SR
    chord = sum(0.2 * np.sin(2 * np.pi * hertz * t) for hertz in (261.6, 329.6, 392.0))
    y = {
        "noise": noise(n),
        "quiet": 1e-4 * noise(n),
        "chord": chord,
        "16 bits": np.rint(32767 * chord) / 32768,
        "bursts": chord + noise(n) * (np.sin(2 * np.pi * 4 * t) > 0.8),
        "dull": scipy.signal.sosfilt(scipy.signal.butter(8, 0.1, output="sos"), noise(n)),
    }[name]
    return y.astype(np.float32)


@pytest.mark.parametrize("name", ["noise", "quiet", "chord", "16 bits", "bursts", "dull"])
@pytest.mark.parametrize(
    ("sr", "parameters"),
    [
        (22050, {}),
        (44100, {"hop_length": 528}),  # paper 001
        (16000, {}),  # paper 002
        (16000, {"n_fft": 512, "hop_length": 256, "n_mels": 96, "fmax": 8000.0, "fmin": 60.0}),
        (22050, {"n_fft": 1024, "hop_length": 1500, "n_mels": 64}),
        (16000, {"n_fft": 400, "hop_length": 160, "n_mels": 40}),
        (22050, {"n_fft": 551, "hop_length": 220, "n_mels": 30}),
        (22050, {"n_fft": 4096, "hop_length": 100, "n_mels": 5}),
    ],
)
def test_is_within_a_millionth_of_librosa(name, sr, parameters):
    y = signal(name)
    reference = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=sr, **parameters))
    S = mel(y, sr, top_db=80.0, **parameters)
    assert S.shape == reference.shape
    assert rms(S - reference) <= 1e-6 * rms(reference)


def test_frames_of_an_odd_length():
    y = noise(4400)
    reference = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=551, hop_length=220, n_mels=30)
    S = mel(y, SR, n_fft=551, hop_length=220, n_mels=30)
    assert S.shape == (30, 21)  # librosa leaves out the one centred on sample 4400
    np.testing.assert_allclose(S[:, :20], librosa.power_to_db(reference), rtol=0, atol=1e-4)


def test_rounding_shows_far_below_a_tone_only():
    y = tone(440, SR, 30_000)
    reference = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR), top_db=None)
    below, error = reference.max() - reference, np.abs(mel(y, SR) - reference)
    assert below.max() > 130
    assert error[below < 80].max() < 0.001
    assert error[below < 100].max() < 0.02
    assert error.max() < 0.5


@pytest.mark.parametrize("sr", [16000, 22050, 44100])
@pytest.mark.parametrize("hertz", [440, 1000, 5000])
def test_a_tone_lands_in_its_band(hertz, sr):
    centres = edges(sr)[1:-1]
    inside = mel(tone(hertz, sr), sr)[:, 2:-2]  # frames that lie wholly in the tone
    strongest = centres[inside.argmax(axis=0)]
    width = np.diff(edges(sr))[np.abs(centres - hertz).argmin()]
    assert (np.abs(strongest - hertz) <= width).all()


def test_ten_times_the_amplitude_is_20_db():
    y = 0.05 * noise(9000)
    np.testing.assert_allclose(mel(10 * y, SR) - mel(y, SR), 20, atol=1e-3)


def test_silence_is_the_floor():
    np.testing.assert_array_equal(mel(np.zeros(4096, np.float32), SR), -100)


def test_a_loud_frame_leaves_the_others_alone():
    y = 1e-4 * noise(30_000)
    loud = y.copy()
    loud[:100] = 0.9
    np.testing.assert_array_equal(mel(loud, SR)[:, 10:], mel(y, SR)[:, 10:])
    clamped = mel(loud, SR, top_db=60.0)
    assert clamped.min() == clamped.max() - 60
    assert (clamped[:, 10:] > mel(y, SR)[:, 10:]).any()


@pytest.mark.parametrize(("n", "frames"), [(1, 1), (511, 1), (512, 2), (2047, 4), (2048, 5)])
def test_frames_of_short_clips(n, frames):
    S = mel(noise(n), SR)
    assert S.shape == (128, frames)
    np.testing.assert_allclose(S, by_hand(noise(n), SR), rtol=0, atol=1e-3)


def test_parameters():
    y = noise(22_050)
    assert mel(y, SR, n_mels=64, n_fft=1024, hop_length=256).shape == (64, 87)
    np.testing.assert_array_equal(mel(y, SR, fmax=SR / 2), mel(y, SR))
    # With fmin above a tone, what is left of it is leakage of the window.
    assert mel(tone(440, SR), SR, fmin=2000.0)[:, 4].max() < mel(tone(440, SR), SR)[:, 4].max() - 60


@pytest.mark.parametrize(
    "parameters", [{"n_mels": 1024}, {"fmax": 20000.0}, {"fmin": 8000.0, "fmax": 8001.0}]
)
def test_refuses_bands_without_bins(parameters):
    with (
        pytest.warns(UserWarning, match="Empty filters"),
        pytest.raises(SoundstageError, match="mel bands hold no frequency bin at 22050 Hz"),
    ):
        mel(noise(4096), SR, **parameters)
