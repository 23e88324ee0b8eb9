import librosa
import numpy as np
import pytest

from soundstage.dsp.beats import periodicity, tempo_of, track_beats

SR, HOP = 22050, 512


def pulses(bpm, seconds=20, first=0.3):
    onsets = np.zeros(seconds * SR // HOP)
    times = np.arange(first, seconds, 60 / bpm)
    frames = times[:, None] * SR / HOP - np.arange(onsets.size)
    return 5.0 * np.exp(-(frames**2)).sum(axis=0), times


def track(onsets):
    return track_beats(onsets, SR, HOP, start_bpm=120.0, tightness=100.0)


@pytest.mark.parametrize("bpm", [80, 100, 120, 140])
def test_pulses(bpm):
    onsets, times = pulses(bpm)
    beats = track(onsets)
    # A frame lasts 23 ms, so neighbouring tempi are 5 bpm apart; the line through the beats is not.
    assert beats.tempo == pytest.approx(bpm, rel=0.003)
    distance = np.abs(beats.frames[:, None] * HOP / SR - times).min(axis=1)
    assert np.mean(distance) < 0.02
    assert beats.strength.max() == 1
    assert np.mean(beats.strength > 0.9) > 0.9  # librosa's first beat may miss its pulse
    assert beats.tempo_confidence > 0.7


def test_beats_are_those_of_librosa():
    onsets = pulses(97)[0] + np.random.default_rng(0).uniform(0, 2, 20 * SR // HOP)
    _, expected = librosa.beat.beat_track(onset_envelope=onsets, sr=SR, hop_length=HOP)
    np.testing.assert_array_equal(track(onsets).frames, expected)


def test_a_weak_beat_is_less_sure():
    onsets, times = pulses(120)
    weak = np.rint(times[10] * SR / HOP).astype(int)
    onsets[weak - 5 : weak + 6] *= 0.3
    beats = track(onsets)
    assert beats.strength[np.abs(beats.frames - weak).argmin()] == beats.strength.min() < 0.31


@pytest.mark.parametrize("frames", [1, 2, 5, 100])
def test_nothing_starts(frames):
    beats = track(np.zeros(frames))
    assert beats.frames.size == beats.strength.size == 0
    assert beats[2:] == (0.0, 0.0)


@pytest.mark.parametrize("frames", [2, 3, 5, 50])
def test_a_single_onset(frames):
    onsets = np.zeros(frames)
    onsets[frames // 2] = 1
    beats = track(onsets)
    assert np.isfinite([beats.tempo, beats.tempo_confidence]).all()
    assert (beats.frames < frames).all()


def test_tempo_is_the_slope_of_the_beats():
    assert tempo_of(1.7 + 0.5 * np.arange(10)) == pytest.approx(120)
    assert tempo_of(np.array([0.0, 0.5])) == 0


def test_periodicity():
    onsets = np.zeros(400)
    onsets[::20] = 1
    assert periodicity(onsets, 20.0) == pytest.approx(1, abs=0.01)
    assert periodicity(onsets, 19.6) == pytest.approx(1, abs=0.01)
    assert periodicity(onsets, 30.0) == 0
    assert periodicity(onsets, 500.0) == periodicity(np.ones(9), 2.0) == 0
    assert periodicity(np.random.default_rng(0).uniform(size=4000), 37.0) < 0.1
