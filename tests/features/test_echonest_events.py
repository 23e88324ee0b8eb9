import librosa
import mir_eval
import numpy as np
import pytest
import threadpoolctl

from soundstage.dsp import events
from soundstage.errors import SoundstageError
from soundstage.features.echonest_events import COLUMNS, LEVELS, echonest_events

SR = 22050


def notes(*midi, seconds=6, level=0.15):
    t = np.arange(int(seconds * SR)) / SR
    return level * sum(np.sin(2 * np.pi * librosa.midi_to_hz(m) * t) for m in midi)


def clicks(times, seconds):
    return librosa.clicks(times=times, sr=SR, length=int(seconds * SR))


def noise(seconds, level):
    return np.random.default_rng(0).normal(0, level, int(seconds * SR))


def analyse(y, **parameters):
    return echonest_events(np.asarray(y, np.float32), SR, **parameters)


def track(found, name):
    return events.column(found, "track", name).item()


def pitches(found, level="segment"):
    return np.stack([events.column(found, level, name) for name in events.PITCHES], axis=1)


@pytest.fixture(scope="module")
def clicks_120():
    times = np.arange(0.5, 29.9, 0.5)
    return times, analyse(clicks(times, 30))


def test_tempo_and_beats_of_clicks(clicks_120):
    times, found = clicks_120
    assert track(found, "tempo") == pytest.approx(120, rel=0.002)
    assert track(found, "tempo_confidence") > 0.5
    beats = events.column(found, "beat", "start")
    assert mir_eval.beat.f_measure(times, beats, f_measure_threshold=0.03) > 0.95
    np.testing.assert_allclose(events.column(found, "beat", "duration"), 0.5, atol=0.03)
    assert events.column(found, "beat", "confidence").min() > 0.5


def test_segments_start_with_the_clicks(clicks_120):
    times, found = clicks_120
    starts = events.column(found, "segment", "start")
    f = mir_eval.onset.f_measure(times, starts[1:], window=0.05)[0]
    assert f > 0.95


@pytest.mark.parametrize("meter", [3, 4])
def test_bars_start_with_the_accents(meter):
    times = 0.5 + 0.5 * np.arange(15 * meter)
    seconds = times[-1] + 1
    y = 0.1 * clicks(times, seconds) + clicks(times[::meter], seconds)
    found = analyse(y)
    assert track(found, "time_signature") == meter
    assert track(found, "time_signature_confidence") > 0.5
    bars = events.column(found, "bar", "start")
    np.testing.assert_allclose((bars - 0.5) % (0.5 * meter), 0, atol=0.05)
    np.testing.assert_allclose(events.column(found, "bar", "duration"), 0.5 * meter, atol=0.06)
    assert events.column(found, "bar", "confidence").mean() > 0.1


@pytest.mark.parametrize(
    ("chord", "key", "mode"),
    [((60, 64, 67), 0, 1), ((57, 60, 64), 9, 0), ((55, 59, 62), 7, 1), ((62, 65, 69), 2, 0)],
)
def test_the_key_of_a_chord(chord, key, mode):
    found = analyse(notes(*chord))
    assert (track(found, "key"), track(found, "mode")) == (key, mode)
    sounding = {m % 12 for m in chord}
    assert set(np.argsort(-pitches(found)[0])[:3]) == sounding
    assert all(pitches(found)[0, k] < 0.3 for k in range(12) if k not in sounding)


@pytest.mark.parametrize("midi", [48, 60, 69, 83])
def test_a_note_lands_in_its_pitch_class(midi):
    found = pitches(analyse(notes(midi)))
    assert found[0].argmax() == midi % 12
    assert found[0].max() == 1
    assert np.sort(found[0])[-2] < 0.3


def test_pitches_of_a_recording_tuned_off():
    found = pitches(analyse(notes(60.4, 64.4, 67.4)))
    assert set(np.argsort(-found[0])[:3]) == {0, 4, 7}


def test_sections_of_a_b_a():
    a = notes(60, 64, 67, seconds=12) + noise(12, 0.005)
    b = notes(62, 65, 69, 74, seconds=12, level=0.05) + noise(12, 0.05)
    found = analyse(np.concatenate([a, b, a]))
    starts = events.column(found, "section", "start")
    durations = events.column(found, "section", "duration")
    estimated = np.stack([starts, starts + durations], axis=1)
    expected = np.array([[0, 12], [12, 24], [24, 36]])
    assert mir_eval.segment.detection(expected, estimated, window=0.5)[2] == 1
    assert events.column(found, "section", "confidence").min() > 0.5
    assert events.column(found, "section", "key")[0] == 0
    first, middle, last = events.column(found, "section", "loudness")
    assert first == pytest.approx(last, abs=0.1)
    assert first == pytest.approx(10 * np.log10(3 * 0.15**2 / 2), abs=0.2)
    assert middle < first - 5


def test_one_section_where_nothing_changes():
    for y in (notes(60, 64, seconds=20), noise(20, 0.1), np.zeros(20 * SR)):
        assert events.column(analyse(y), "section", "start").tolist() == [0]


def test_sections_and_segments_cover_the_clip():
    rng = np.random.default_rng(1)
    y = np.concatenate([notes(m, seconds=0.4) for m in rng.integers(50, 80, 60)]) + noise(24, 0.01)
    found = analyse(y)
    for level in ("section", "segment"):
        start, duration = (events.column(found, level, name) for name in ("start", "duration"))
        assert start[0] == 0
        np.testing.assert_allclose(start[1:], (start + duration)[:-1], atol=1e-4)
        assert start[-1] + duration[-1] == pytest.approx(track(found, "duration"), abs=1e-4)
        assert duration.min() > 0
    assert events.column(found, "segment", "start").size > 40


def test_loudness_of_a_swell():
    # 1 s of silence, a note that starts at once and fades away.
    fading = notes(69, seconds=2, level=0.5) * np.exp(-2 * np.arange(2 * SR) / SR)
    found = analyse(np.concatenate([np.zeros(SR), fading]))
    starts = events.column(found, "segment", "start")
    k = int(np.flatnonzero(starts > 0.5)[0])
    assert starts[k] == pytest.approx(1, abs=0.08)
    assert events.column(found, "segment", "loudness_start")[0] == -60
    loudest = events.column(found, "segment", "loudness_max")[k]
    assert loudest == pytest.approx(10 * np.log10(0.125), abs=1)
    assert starts[k] + events.column(found, "segment", "loudness_max_time")[k] == pytest.approx(
        1.02, abs=0.06
    )


def test_timbre_follows_loudness_and_brightness():
    found = [analyse(y) for y in (noise(3, 0.01), noise(3, 0.1), notes(50) + noise(6, 1e-3))]
    timbre = [[events.column(f, "segment", f"timbre_{i}").mean() for i in range(2)] for f in found]
    assert timbre[1][0] - timbre[0][0] == pytest.approx(20, abs=1)
    assert timbre[2][1] > timbre[1][1] + 5  # low bands are the louder ones


def test_values_belong_to_their_level(clicks_120):
    _, found = clicks_120
    for name in COLUMNS[4:]:
        levels = {"track", "section"} if name in events.TRACK else {"segment"}
        for level in LEVELS:
            assert np.isfinite(events.column(found, level, name)).all() == (level in levels)
    assert (np.diff(found[:, 0]) >= 0).all()


@pytest.mark.parametrize("n", [1, 511, 512, 2048, 3 * SR])
def test_silence(n):
    found = analyse(np.zeros(n))
    assert [LEVELS[int(level)] for level in found[:, 0]] == ["track", "section", "segment"]
    row = dict(zip(COLUMNS, found[0].tolist(), strict=True))
    assert row["duration"] == pytest.approx(n / SR)
    assert (row["loudness"], row["key"], row["mode"]) == (-60, -1, -1)
    assert row["tempo"] == row["time_signature"] == row["tempo_confidence"] == 0
    np.testing.assert_array_equal(pitches(found), 1)


def test_parameters():
    y = noise(10, 0.1) + clicks(np.arange(0.5, 9.5, 0.5), 10)
    few = analyse(y, onset_delta=0.5)
    many = analyse(y, onset_delta=0.02)
    assert (
        events.column(few, "segment", "start").size < events.column(many, "segment", "start").size
    )
    assert track(analyse(y, start_bpm=60.0), "tempo") < track(analyse(y, start_bpm=240.0), "tempo")


def test_refuses_empty_bands():
    with (
        pytest.warns(UserWarning, match="Empty filters"),
        pytest.raises(SoundstageError, match="lower n_bands"),
    ):
        analyse(noise(1, 0.1), n_fft=256, n_bands=128)


def test_threads_change_no_bit():
    y = noise(10, 0.1)
    found = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            found.append(analyse(y).tobytes())
    assert found[0] == found[1]
