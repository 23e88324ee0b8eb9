"""The events of a track, as the Echo Nest's analysis gave them: sections, bars, beats, segments."""

from itertools import pairwise
from typing import NamedTuple

import librosa
import numpy as np
from pydantic import PositiveFloat, PositiveInt

from soundstage.dsp import events
from soundstage.dsp.band_power import band_power, decibels
from soundstage.dsp.beats import Beats, periodicity, tempo_of, track_beats
from soundstage.dsp.chroma import chroma_bank, strengths, tuning
from soundstage.dsp.key import find_key
from soundstage.dsp.loudness import frame_power, loudness
from soundstage.dsp.meter import find_meter
from soundstage.dsp.novelty import boundaries, novelty
from soundstage.dsp.onsets import onset_strength, segments
from soundstage.dsp.timbre import timbre
from soundstage.errors import SoundstageError

UNIT = "by column: seconds, dB, beats per minute or none"
AXES = ("event", "column")
DTYPE = events.DTYPE
COLUMNS = events.COLUMNS
LEVELS = events.LEVELS

_FLOOR = -90.0  # dB, of a band: about the noise of 16-bit samples
_BLOCK_SECONDS = 0.5  # what sections are made of


class _Track(NamedTuple):
    """What the levels are computed from; a frame every `hop_length` samples."""

    y: np.ndarray
    sr: int
    hop_length: int
    levels: np.ndarray  # (bands, frames), dB
    chroma: np.ndarray  # (12, frames), mean squares
    onsets: np.ndarray  # (frames,), mean rise of a band in dB
    beats: Beats

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.y.size / self.sr

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.sr / self.hop_length

    @property
    def frames(self) -> int:
        """Frames that start within the track."""
        return -(-self.y.size // self.hop_length)


def echonest_events(
    y: np.ndarray,
    sr: int,
    *,
    n_fft: PositiveInt = 2048,
    hop_length: PositiveInt = 512,
    n_bands: PositiveInt = 24,
    pitch_n_fft: PositiveInt = 4096,
    fmin: PositiveFloat = 65.0,
    fmax: PositiveFloat = 4200.0,
    start_bpm: PositiveFloat = 120.0,
    tightness: PositiveFloat = 100.0,
    onset_delta: PositiveFloat = 0.07,
    section_seconds: PositiveFloat = 8.0,
    section_novelty: PositiveFloat = 0.1,
) -> np.ndarray:
    """Analyse a clip into events with the columns of the Echo Nest's analysis.

    These are our own methods for what the columns mean; the Echo Nest's were never published, and
    its numbers (of the same clip) differ.

    * Beats and tempo: librosa's tracker, tempo from the beats' spacing (`dsp.beats`).
    * Time signature, bars: repetition of the beats' accents (`dsp.meter`); whole bars only. A
      bar's confidence is how far its downbeat stands out: 1 - mean of its others / downbeat.
    * Key and mode: Krumhansl and Kessler's profiles on the mean chroma (`dsp.key`).
    * Sections: novelty of band levels and chroma in half seconds (`dsp.novelty`), which is a
      section's confidence too (1 for the first). They start with a segment if one starts near. A
      section without three beats of its own has the track's tempo.
    * Segments: from onset to onset, each traced back to where it begins to rise
      (`dsp.segments`). Timbre is on a basis of our own (`dsp.timbre`).
    * Loudness: 10 log10 of the mean square, at least -60; 0 is a full-scale square wave.

    Args:
        y: float32 (n,), full scale ±1.
        sr: sample rate in Hz.
        n_fft: samples a frame for band levels, hence onsets, beats, timbre.
        hop_length: samples from one frame to the next: the resolution of every start.
        n_bands: mel bands.
        pitch_n_fft: samples a frame for chroma; longer, to tell low notes apart.
        fmin: lowest frequency that counts for chroma, in Hz; C2.
        fmax: highest frequency that counts for chroma, in Hz; C8.
        start_bpm: tempo around which the tempo is most likely.
        tightness: how steadily beats keep their distance.
        onset_delta: how far onset strength must stand out from its surroundings to start a
            segment, relative to the clip's strongest.
        section_seconds: how far on each side a section's start is looked for; half of it is the
            shortest section.
        section_novelty: least novelty of a section's start.

    Returns:
        float32 (events, 40), rows sorted by level and start, columns as `dsp.events` defines them.
        There is always one track, at least one section and one segment; sections and segments
        cover the clip without gaps.

    Raises:
        ValueError: no samples.
        SoundstageError: bands so narrow that no frequency bin is in one.

    Source: Jehan and DesRoches 2011, "Analyzer Documentation" (The Echo Nest, version 3.08), for
    the columns; paper 000 reads such files of MagnaTagATune.
    """
    if y.size == 0:
        raise ValueError("no samples")
    bank = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_bands, norm=None)
    if not bank.any(axis=1).all():
        raise SoundstageError(
            f"a band is empty with n_bands={n_bands} at {sr} Hz with n_fft={n_fft}; "
            "lower n_bands or raise n_fft"
        )
    levels = decibels(band_power(y, bank, n_fft=n_fft, hop_length=hop_length), _FLOOR)
    deviation = tuning(y, sr, n_fft=pitch_n_fft, hop_length=hop_length)
    pitch_bank = chroma_bank(sr, n_fft=pitch_n_fft, tuning=deviation, fmin=fmin, fmax=fmax)
    chroma = band_power(y, pitch_bank, n_fft=pitch_n_fft, hop_length=hop_length)
    onsets = onset_strength(levels, sr, n_fft=n_fft, hop_length=hop_length)
    track = _Track(
        y,
        sr,
        hop_length,
        levels,
        chroma,
        onsets,
        track_beats(onsets, sr, hop_length, start_bpm=start_bpm, tightness=tightness),
    )
    starts, sure = segments(onsets, sr, hop_length=hop_length, delta=onset_delta)
    return events.table(
        [
            _whole(track),
            _sections(track, starts, section_seconds, section_novelty),
            *_bars_and_beats(track),
            _segments(track, starts, sure),
        ]
    )


def _whole(track: _Track) -> np.ndarray:
    found = _described(track, 0, track.frames, track.beats.tempo)
    return events.rows("track", start=0, duration=track.duration, confidence=1, **found)


def _described(track: _Track, start: int, stop: int, tempo: float) -> dict[str, float]:
    """Return the values that track and sections share, of the frames from `start` to `stop`."""
    inside = (track.beats.frames >= start) & (track.beats.frames < stop)
    key = find_key(strengths(track.chroma[:, start:stop]).mean(axis=1))
    meter = find_meter(track.beats.strength[inside])
    squares = np.square(track.y[start * track.hop_length : stop * track.hop_length])
    sure = periodicity(track.onsets[start:stop], 60 * track.rate / tempo) if tempo else 0.0
    return {
        "loudness": float(loudness(float(squares.mean(dtype=np.float64)))),
        "tempo": tempo,
        "tempo_confidence": sure,
        **key._asdict(),
        "time_signature": meter.time_signature,
        "time_signature_confidence": meter.confidence,
    }


def _sections(track: _Track, begins: np.ndarray, seconds: float, threshold: float) -> np.ndarray:
    block = max(1, round(_BLOCK_SECONDS * track.rate))
    starts = np.arange(0, track.frames, block)
    sound = np.concatenate([track.levels, decibels(track.chroma, _FLOOR)])
    means = np.add.reduceat(sound, starts, axis=1) / np.diff(np.append(starts, track.frames))
    width = max(2, round(seconds / _BLOCK_SECONDS))
    curve = novelty(means, width)
    found = boundaries(curve, threshold, width // 2)
    edges = [0, *(_nearest(onset, begins, block) for onset in starts[found]), track.frames]
    described = []
    for start, stop in pairwise(edges):
        frames = track.beats.frames
        own = tempo_of(frames[(frames >= start) & (frames < stop)] / track.rate)
        described.append(_described(track, start, stop, own or track.beats.tempo))
    begin = np.array(edges[:-1]) / track.rate
    return events.rows(
        "section",
        start=begin,
        duration=np.diff(np.append(begin, track.duration)),
        confidence=np.append(1.0, curve[found]),
        **{name: [values[name] for values in described] for name in described[0]},
    )


def _nearest(frame: int, begins: np.ndarray, tolerance: int) -> int:
    """Return the nearest of the segments' first frames, or `frame` if all are farther away."""
    nearest = int(begins[np.abs(begins - frame).argmin()])
    return nearest if abs(nearest - frame) <= tolerance else int(frame)


def _bars_and_beats(track: _Track) -> tuple[np.ndarray, np.ndarray]:
    start = track.beats.frames / track.rate
    if not start.size:
        nothing = np.zeros(0)
        return events.rows("bar", start=nothing), events.rows("beat", start=nothing)
    strength = track.beats.strength
    last = min(start[-1] + 60 / track.beats.tempo, track.duration)
    end = np.append(start[1:], last)
    meter = find_meter(strength)
    count = (start.size - meter.downbeat) // meter.time_signature
    span = slice(meter.downbeat, meter.downbeat + count * meter.time_signature)
    accents = strength[span].reshape(count, meter.time_signature)
    others = accents[:, 1:].mean(axis=1)
    first = accents[:, 0]
    stands_out = np.divide(first - others, first, out=np.zeros(count), where=first > 0)
    begin = start[span][:: meter.time_signature]
    stop = end[span][meter.time_signature - 1 :: meter.time_signature]
    bars = events.rows(
        "bar", start=begin, duration=stop - begin, confidence=np.maximum(stands_out, 0)
    )
    return bars, events.rows("beat", start=start, duration=end - start, confidence=strength)


def _segments(track: _Track, starts: np.ndarray, sure: np.ndarray) -> np.ndarray:
    lengths = np.diff(np.append(starts, track.frames))
    begin = starts / track.rate
    level = loudness(frame_power(track.y, track.hop_length))
    loudest = [s + level[s : s + n].argmax() for s, n in zip(starts, lengths, strict=True)]
    return events.rows(
        "segment",
        start=begin,
        duration=np.diff(np.append(begin, track.duration)),
        confidence=sure,
        loudness_start=level[starts],
        loudness_max=level[loudest],
        loudness_max_time=(loudest - starts) / track.rate,
        pitch=strengths(np.add.reduceat(track.chroma, starts, axis=1)).T,
        timbre=timbre(track.levels, starts, _FLOOR),
    )
