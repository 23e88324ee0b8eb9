"""Beats and tempo from onset strength."""

from typing import NamedTuple

import librosa
import numpy as np

from soundstage.dsp.tempogram import mean_autocorrelation

_SECONDS = 8.0  # of onsets that the first estimate sees at a time; librosa's
_FEWEST = 3  # beats that make a tempo: two distances, so that one slip is not all there is


class Beats(NamedTuple):
    """Beats of a track: `frames` int (beats,), `strength` and `tempo_confidence` from 0 to 1."""

    frames: np.ndarray
    strength: np.ndarray
    tempo: float
    tempo_confidence: float


def track_beats(
    onsets: np.ndarray, sr: int, hop_length: int, *, start_bpm: float, tightness: float
) -> Beats:
    """Track the beats with librosa and measure the tempo on them.

    Args:
        onsets: float (frames,), onset strength.
        sr: sample rate in Hz.
        hop_length: samples from one frame to the next.
        start_bpm: tempo around which the first estimate is most likely, beats per minute.
        tightness: how closely the beats keep to the first estimate.

    Returns:
        The beats; `strength` is the onset strength within one frame of each, over the strongest
        beat's. `tempo` is as `tempo_of` gives it, the tracker's own estimate (a whole
        number of frames a beat) for fewer than three beats, 0 for none. Its confidence is the
        `periodicity` at one beat.

    Source: `librosa.feature.tempo` and `librosa.beat.beat_track` (Ellis 2007, "Beat tracking by
    dynamic programming").
    """
    if not onsets.any():
        return Beats(np.zeros(0, np.int64), np.zeros(0), 0.0, 0.0)
    lags = librosa.time_to_frames(_SECONDS, sr=sr, hop_length=hop_length).item()
    # librosa would hold the autocorrelation of every frame at once: gigabytes for an hour.
    tempogram = mean_autocorrelation(
        onsets.astype(np.float32), librosa.filters.get_window("hann", lags)
    )
    estimate = librosa.feature.tempo(
        tg=tempogram[:, None], sr=sr, hop_length=hop_length, start_bpm=start_bpm
    ).item()
    _, frames = librosa.beat.beat_track(
        onset_envelope=onsets, sr=sr, hop_length=hop_length, bpm=estimate, tightness=tightness
    )
    if not frames.size:
        return Beats(frames, np.zeros(0), 0.0, 0.0)
    # A sum, because the rise of one onset is spread over frames as it happens to lie between them.
    strength = np.convolve(onsets, np.ones(3), "full")[1:-1][frames]
    rate = sr / hop_length
    tempo = tempo_of(frames / rate) or estimate
    confidence = periodicity(onsets, 60 * rate / tempo)
    return Beats(frames, strength / (strength.max() or 1), tempo, confidence)


def tempo_of(times: np.ndarray) -> float:
    """Return beats per minute: the slope of a line through the beats' times (s), 0 for under 3."""
    if times.size < _FEWEST:
        return 0.0
    place = np.arange(times.size) - (times.size - 1) / 2
    return float(60 * np.sum(place**2) / np.sum(place * times))


def periodicity(onsets: np.ndarray, lag: float) -> float:
    """Tell how far onset strength repeats itself.

    Args:
        onsets: float (frames,).
        lag: frames, not necessarily whole; the better of its two neighbours counts.

    Returns:
        The autocorrelation of what is left without the mean, over that at lag 0; from 0 to 1.
    """
    x = onsets - onsets.mean()
    lags = [k for k in (int(lag), int(lag) + 1) if 0 < k < x.size]
    if not lags or not x.any():
        return 0.0
    r = max(float(np.sum(x[:-k] * x[k:])) / (x.size - k) for k in lags) / np.mean(x**2)
    return float(np.clip(r, 0, 1))
