"""Notes to sound to files, for `demo`: a General MIDI sound font, then MP3 or 16-bit WAV."""

import io
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import numpy as np
import pretty_midi
import scipy
import soundfile

from soundstage.datasets._scores import Score
from soundstage.errors import SoundstageError
from soundstage.files import whole_or_not_at_all, write_bytes

_RENDERED_SR = 48000  # midirenderer's only rate
_SOUND_FONT = "TimGM6mb.sf2"  # comes with pretty_midi
_DRONE_OCTAVE, _DRONE_VELOCITY = 48, 72  # below the tunes and softer


@dataclass(frozen=True)
class Performance:
    """How a score is played and recorded.

    `program` is General MIDI's, counted from 0; with `drone`, tonic and fifth are held below the
    notes; `bpm` are beats a minute; `start` is the share of the score that comes before the first
    bar heard; `peak` is in dBFS; `bitrate` in bit/s, None for WAV; `seed` that of the dynamics.
    """

    program: int
    drone: bool
    bpm: float
    start: float
    sr: int
    channels: int
    peak: float
    bitrate: int | None
    seed: int


def perform(score: Score, how: Performance, seconds: float) -> np.ndarray:
    """Play a score round and round, from the bar at `how.start` on, and record it.

    Returns
    -------
    float32 (round(seconds * sr), channels), the larger channel's peak at `how.peak`.
    """
    wave = io.BytesIO(_synthesise(_midi(score, how, seconds)))
    y, _ = soundfile.read(wave, dtype="float32", always_2d=True)
    if how.channels == 1:
        y = y.mean(axis=1, keepdims=True)
    y = scipy.signal.resample_poly(y, how.sr, _RENDERED_SR)
    recorded = np.zeros((round(seconds * how.sr), how.channels), np.float32)
    y = y[: len(recorded)]
    loudest = np.abs(y).max(initial=np.finfo(np.float32).tiny)
    recorded[: len(y)] = y * (10 ** (how.peak / 20) / loudest)
    return recorded


def _midi(score: Score, how: Performance, seconds: float) -> bytes:
    beat = score.bar / score.beats  # in quarter notes, like all times in `score`
    quarter = 60 / (how.bpm * beat)  # in seconds
    start = score.pickup + score.bar * int(how.start * score.length / score.bar)
    notes = _passage(score, start, seconds / quarter)
    rng = np.random.default_rng(how.seed)
    in_bar = notes[:, 0] % score.bar
    velocity = 92 + 16 * (in_bar == 0) + 8 * (in_bar % beat == 0) + rng.integers(-6, 7, len(notes))

    if how.drone:
        drone = _drone(score, seconds / quarter)
        notes = np.concatenate([notes, drone])
        velocity = np.append(velocity, np.full(len(drone), _DRONE_VELOCITY))

    midi = pretty_midi.PrettyMIDI(resolution=960)
    parts = np.unique(notes[:, 3])
    for part, pan in zip(parts, np.linspace(40, 88, len(parts)), strict=True):
        player = pretty_midi.Instrument(how.program)
        player.control_changes += [
            pretty_midi.ControlChange(number=7, value=127, time=0),  # volume
            pretty_midi.ControlChange(number=10, value=int(pan), time=0),
        ]
        player.notes += [
            pretty_midi.Note(int(force), int(pitch), onset * quarter, (onset + length) * quarter)
            for (onset, length, pitch, of), force in zip(notes, velocity, strict=True)
            if of == part
        ]
        midi.instruments.append(player)
    file = io.BytesIO()
    midi.write(file)
    return file.getvalue()


def _passage(score: Score, start: float, length: float) -> np.ndarray:
    """Return the notes that begin within `length` quarters from `start`, the score repeated.

    Float64 (notes, 4) like `score.notes`, the onsets counted from `start`.
    """
    laps = np.arange(np.ceil((start + length) / score.length))
    notes = np.tile(score.notes, (len(laps), 1))
    notes[:, 0] += np.repeat(laps * score.length, len(score.notes)) - start
    return notes[(notes[:, 0] >= 0) & (notes[:, 0] < length)]


def _drone(score: Score, length: float) -> np.ndarray:
    """Return tonic and fifth, struck anew in every bar: notes of a part after the score's."""
    bars = np.arange(0, length, score.bar)
    part = score.notes[:, 3].max() + 1
    return np.concatenate(
        [
            np.column_stack([bars, *(np.full_like(bars, x) for x in (score.bar, pitch, part))])
            for pitch in (_DRONE_OCTAVE + score.tonic, _DRONE_OCTAVE + score.tonic + 7)
        ]
    )


def _synthesise(midi: bytes) -> bytes:
    """Return a 16-bit stereo WAV file of a MIDI file."""
    try:
        import midirenderer
    except ModuleNotFoundError:
        raise SoundstageError(
            "dataset demo: midirenderer, which plays the scores, is not installed (it has no wheel "
            "for Linux on ARM); pip install midirenderer, or choose another data set"
        ) from None
    sound_font = Path(pretty_midi.__file__).with_name(_SOUND_FONT)
    if not sound_font.is_file():
        raise SoundstageError(
            f"dataset demo: pretty_midi has been installed without {_SOUND_FONT}; "
            "reinstall it from PyPI: pip install --force-reinstall pretty_midi"
        )
    return midirenderer.render_wave_from(sound_font.read_bytes(), midi)


def write(path: Path, y: np.ndarray, sr: int, bitrate: int | None) -> None:
    """Write float32 (samples, channels) as MP3, or, without a bitrate, as 16-bit WAV."""
    if bitrate is None:
        wav = io.BytesIO()
        soundfile.write(wav, y, sr, subtype="PCM_16", format="WAV")
        write_bytes(path, wav.getbuffer())
    else:
        with whole_or_not_at_all(path) as temporary:
            _write_mp3(temporary, y, sr, bitrate)


def _write_mp3(path: Path, y: np.ndarray, sr: int, bitrate: int) -> None:
    # To a file, not a pipe: LAME's header, by which decoders restore the exact length, is written
    # at the end. Bit-exact: no version or date in the file.
    source = ffmpeg.input("pipe:", format="f32le", ar=sr, ac=y.shape[1])
    options = {"b:a": bitrate, "fflags": "+bitexact", "flags:a": "bitexact", "map_metadata": -1}
    job = source.output(f"file:{path}", format="mp3", acodec="libmp3lame", **options)
    try:
        job.overwrite_output().run(
            cmd=imageio_ffmpeg.get_ffmpeg_exe(), input=y.tobytes(), quiet=True
        )
    except ffmpeg.Error as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()[-1]
        raise SoundstageError(f"{path}: ffmpeg could not write it: {reason}") from None
