import librosa
import numpy as np
import pytest
import threadpoolctl

from soundstage.dsp.texture import texture
from soundstage.errors import SoundstageError
from soundstage.features.tzanetakis import COLUMNS, tzanetakis

SR = 22050


def named(y, **parameters):
    return dict(zip(COLUMNS, tzanetakis(y.astype(np.float32), SR, **parameters), strict=True))


def tone(hertz, seconds=4):
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(seconds * SR) / SR)


def test_there_are_19_of_timbre_6_of_rhythm_5_of_pitch():
    assert len(COLUMNS) == len(set(COLUMNS)) == 30
    assert sum(name.startswith("beat_") for name in COLUMNS) == 6
    assert sum(name.startswith("pitch_") for name in COLUMNS) == 5


def test_a_tone_and_its_pitch():
    row = named(tone(librosa.note_to_hz("C4")))
    assert row["centroid_mean"] == pytest.approx(261.6, rel=0.01)
    assert row["pitch_up0"] == 60
    assert row["pitch_fp0"] == 0


def test_clicks():
    y = librosa.clicks(times=np.arange(0.1, 19.9, 0.5), sr=SR, length=20 * SR)
    row = named(y)
    assert row["beat_p1"] == pytest.approx(120, abs=1)
    assert row["beat_a0"] > 0.5
    assert row["low_energy"] > 0.8  # silence between the clicks


def test_texture_is_the_mean_over_windows():
    y = np.concatenate([tone(500, 3), tone(3000, 3)]).astype(np.float32)
    windows = texture(y, SR, frame_length=512, texture_seconds=3.0, rolloff=0.85, n_mels=40)
    assert len(windows) == 2
    np.testing.assert_allclose(tzanetakis(y, SR)[:19], windows.mean(axis=0))
    # The change between the windows is in no window's variance.
    assert named(y)["centroid_var"] < 1e4
    assert named(y, texture_seconds=6.0)["centroid_var"] > 1e6


@pytest.mark.parametrize("n", [1, 3 * SR])
def test_silence(n):
    assert not any(named(np.zeros(n)).values())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rolloff": 1.0}, "rolloff"),
        ({"bpm_min": 200}, "bpm_min"),
        ({"pitch_fmax": 12000.0}, "pitch_fmin"),
    ],
)
def test_refuses_parameters_that_contradict(parameters, message):
    with pytest.raises(SoundstageError, match=message):
        named(tone(440), **parameters)


def test_threads_change_no_bit():
    y = np.random.default_rng(0).normal(0, 0.1, 10 * SR).astype(np.float32)
    found = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            found.append(tzanetakis(y, SR).tobytes())
    assert found[0] == found[1]
