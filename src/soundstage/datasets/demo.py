"""A small data set rendered on the user's own machine: five kinds of Irish tune, and chorales.

Scores from the corpus that comes with music21 are played by a General MIDI sound font. The labels
are real, the recordings are not: how fast a style is played and on what is drawn here, so that the
set shows that a pipeline works and not how well a method knows music.

A group is a tune or a chorale's melody. Every fourth piece is heard in two clips, with the same
instrument but another tempo, passage and encoding: split at random, half of the clips would have
their twin on the other side.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import polars as pl
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from soundstage.datasets import _render, _scores
from soundstage.errors import SoundstageError
from soundstage.progress import progress

CITATION = (
    "F. O'Neill, O'Neill's Music of Ireland, 1903; W. B. Ryan, Ryan's Mammoth Collection, 1883; "
    "J. S. Bach, four-part chorales BWV 250-438; as encoded in the corpus of music21: "
    "M. S. Cuthbert and C. Ariza, music21: A toolkit for computer-aided musicology and symbolic "
    "music data, ISMIR 2010, 637-642."
)
LICENCE = (
    "Rendered locally. The scores come with music21, distributed with their encoders' permission, "
    "some of them not for commercial use; the sound font TimGM6mb is under the GPL, version 2. "
    "Do not pass the audio on without having checked both."
)
METADATA = ("tracks.parquet",)

_RENDERING = "1"  # to be raised when the same parameters give other bytes


@dataclass(frozen=True)
class _Style:
    """Beats a minute from the slowest to the fastest, and the instrument that prevails."""

    bpm: tuple[int, int]
    instrument: str


_STYLES = {
    "air": _Style((50, 92), "harp"),
    "chorale": _Style((54, 88), "organ"),
    "hornpipe": _Style((66, 98), "banjo"),
    "jig": _Style((98, 126), "flute"),
    "reel": _Style((98, 124), "violin"),
    "slipjig": _Style((84, 114), "accordion"),
}
_PREVAIL = 0.7  # the share of pieces on their style's instrument; the others take any
_PROGRAMS = {"accordion": 21, "banjo": 105, "flute": 73, "harp": 46, "organ": 19, "violin": 40}
_DRONES = 0.4  # the share of pieces with a drone
_SLOW, _FAST = 72, 100  # beats a minute: slow below, fast from there on


@dataclass(frozen=True)
class _Clip:
    track: str
    path: str
    piece: _scores.Piece
    instrument: str
    how: _render.Performance


def fetch(
    root: Path,
    *,
    clips_per_style: PositiveInt = 24,
    seconds: PositiveFloat = 10.0,
    seed: NonNegativeInt = 0,
) -> None:
    """Render what is missing under `root`, everything where it was rendered otherwise.

    Parameters
    ----------
    clips_per_style : clips of each of the six styles. A smaller set is part of a larger one.
    seconds : length of every clip; the decoded files have exactly round(seconds * sr) samples.
    seed : of the choice of pieces, instruments, tempi, passages and encodings.

    Half of the files are MP3, half 16-bit WAV; of either, some are mono and some stereo, at 22050
    or 44100 Hz. The same parameters give the same bytes, in whatever order and with however many
    processes (SOUNDSTAGE_JOBS, by default one for each core).

    Raises SoundstageError if a part of the rendering is not installed, or has too few pieces.
    """
    parameters = {"clips_per_style": clips_per_style, "seconds": seconds, "seed": seed}
    made_as = {"soundstage.demo": json.dumps({"rendering": _RENDERING, **parameters})}
    table = root / METADATA[0]
    known = pl.read_parquet(table)["path"].to_list() if table.is_file() else []
    current = bool(known) and made_as.items() <= pl.read_parquet_metadata(table).items()
    if current and all((root / path).is_file() for path in known):
        return

    clips = _clips(clips_per_style, seed)
    wanted = [clip for clip in clips if not (current and (root / clip.path).is_file())]
    scores = _read({clip.piece.group: clip.piece for clip in wanted})
    if not current:
        for path in {*known, *(clip.path for clip in clips)}:
            (root / path).unlink(missing_ok=True)
        for style in _STYLES:
            (root / style).mkdir(parents=True, exist_ok=True)
        # Before the audio, so that what an interrupted run leaves is known to be of these clips.
        _write_table(table, clips, scores, made_as)
    work = (joblib.delayed(_record)(root, clip, scores[clip.piece.group], seconds) for clip in wanted)
    with progress("demo: render", len(wanted), "clip") as bar:
        for _ in joblib.Parallel(_jobs(), return_as="generator_unordered")(work):
            bar.update()


def tracks(root: Path, files: Sequence[str]) -> pl.DataFrame:  # noqa: ARG001
    """Return one row a clip: track, path, genre, tags, group, artist, album, song.

    `tags` (list of str): instruments, drone, mode, metre, class of tempo. `artist` is a chorale's
    composer or a tune's collector, `album` the collection, `song` the piece.
    """
    return pl.read_parquet(root / METADATA[0])


def _jobs() -> int:
    return int(os.environ.get("SOUNDSTAGE_JOBS") or os.cpu_count() or 1)


def _clips(clips_per_style: int, seed: int) -> list[_Clip]:
    """Draw the clips; one does not depend on how many others are drawn."""
    pieces = _scores.pieces()
    clips = []
    for style in _STYLES:
        ranked = sorted(
            (piece for piece in pieces if piece.style == style),
            key=lambda piece: _digest(seed, piece.group),
        )
        for index in range(clips_per_style):
            # Of every three pieces the first is heard twice, which makes four clips.
            three, rest = divmod(index, 4)
            rank, take = 3 * three + max(rest - 1, 0), int(rest == 1)
            if rank >= len(ranked):
                raise SoundstageError(
                    f"datasets.demo.clips_per_style: {clips_per_style}, but the {len(ranked)} "
                    f"pieces of style {style} make {index} clips; choose {index} or less"
                )
            clips.append(_clip(style, index, ranked[rank], take, seed))
    return clips


def _clip(style: str, index: int, piece: _scores.Piece, take: int, seed: int) -> _Clip:
    # The player and the arrangement are the piece's, the rest is the take's.
    rng = _rng(seed, piece.group)
    prevails = rng.random() < _PREVAIL
    instrument = _STYLES[style].instrument if prevails else str(rng.choice(sorted(_PROGRAMS)))
    drone, start = style != "chorale" and rng.random() < _DRONES, rng.random()
    rng = _rng(seed, piece.group, take)
    mp3 = index % 2 == 0
    track = f"{style}.{index:05d}"
    how = _render.Performance(
        program=_PROGRAMS[instrument],
        drone=bool(drone),
        bpm=float(rng.uniform(*_STYLES[style].bpm)),
        start=(start + take / 2) % 1,
        sr=int(rng.choice([22050, 44100])),
        channels=int(rng.choice([1, 2])),
        peak=float(rng.uniform(-6, -1)),
        bitrate=int(rng.choice([64000, 96000, 128000])) if mp3 else None,
        seed=int(rng.integers(2**32)),
    )
    return _Clip(track, f"{style}/{track}.{'mp3' if mp3 else 'wav'}", piece, instrument, how)


def _digest(*of: object) -> bytes:
    return hashlib.sha256(json.dumps(of).encode()).digest()


def _rng(*of: object) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(_digest(*of)))


def _read(pieces: dict[str, _scores.Piece]) -> dict[str, _scores.Score]:
    work = (joblib.delayed(_scores.read)(piece) for piece in pieces.values())
    scores = {}
    with progress("demo: read scores", len(pieces), "piece") as bar:
        read = joblib.Parallel(_jobs(), return_as="generator")(work)
        for group, score in zip(pieces, read, strict=True):
            scores[group] = score
            bar.update()
    return scores


def _record(root: Path, clip: _Clip, score: _scores.Score, seconds: float) -> None:
    y = _render.perform(score, clip.how, seconds)
    _render.write(root / clip.path, y, clip.how.sr, clip.how.bitrate)


def _write_table(
    table: Path, clips: list[_Clip], scores: dict[str, _scores.Score], made_as: dict[str, str]
) -> None:
    rows = [
        {
            "track": clip.track,
            "path": clip.path,
            "genre": clip.piece.style,
            "tags": _tags(clip, scores[clip.piece.group]),
            "group": clip.piece.group,
            "artist": clip.piece.artist,
            "album": clip.piece.album,
            "song": clip.piece.song,
        }
        for clip in clips
    ]
    temporary = table.with_name(f".{os.getpid()}.{table.name}")
    pl.DataFrame(rows).write_parquet(temporary, metadata=made_as)
    temporary.replace(table)


def _tags(clip: _Clip, score: _scores.Score) -> list[str]:
    bpm = clip.how.bpm
    tags = [
        clip.instrument,
        "minor" if score.minor else "major",
        "triple" if score.beats == 3 else "duple",
        "slow" if bpm < _SLOW else "fast" if bpm >= _FAST else "medium",
    ]
    tags += ["compound"] * score.compound + ["drone"] * clip.how.drone
    return sorted(tags)
