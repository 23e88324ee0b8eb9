"""A small data set rendered on the user's own machine: five kinds of Irish tune, and chorales.

Scores from the corpus that comes with music21 are played by a General MIDI sound font. The labels
are real, the recordings are not: how fast a style is played and on what is drawn here, so that the
set shows that a pipeline works and not how well a method knows music.

A group is a tune or a chorale's melody. Of every three pieces one is heard in two clips, on the
same instrument but at another tempo, from another place and in another encoding: half of the clips
have a twin, which a split at random may put on the other side.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import joblib
import numpy as np
import polars as pl
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from soundstage import stage, untrusted_parquet
from soundstage.datasets import _render, _scores
from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
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
HONEST = "group"

T = TypeVar("T")

_MADE_AS = "soundstage.demo"  # where the table of tracks says how its clips were rendered
_RENDERING = 1  # to be raised when the same parameters give other bytes


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
    _own: Path,
    _metadata: Mapping[str, Path],
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

    Raises SoundstageError if a part of the rendering is not installed or has too few pieces, or if
    `root` holds a table of tracks that is not this data set's.
    """
    parameters = {"clips_per_style": clips_per_style, "seconds": float(seconds), "seed": seed}
    made_as = json.dumps({"rendering": _RENDERING, **parameters})
    known, known_as = _known(root)
    current = known_as == made_as
    if current and all((root / path).is_file() for path in known):
        return

    clips = _clips(clips_per_style, seed)
    wanted = [clip for clip in clips if not (current and (root / clip.path).is_file())]
    pieces = {clip.piece.group: clip.piece for clip in wanted}
    read = _in_parallel("demo: read scores", "pieces", _scores.read, zip(pieces.values()))
    scores = dict(zip(pieces, read, strict=True))
    if not current:
        for path in {*known, *(clip.path for clip in clips)}:
            (root / path).unlink(missing_ok=True)
        # Before the audio, so that what an interrupted run leaves is known to be of these clips.
        _write_table(root, clips, scores, made_as)
    work = [(root, clip, scores[clip.piece.group], seconds) for clip in wanted]
    _in_parallel("demo: render", "clips", _record, work)


def tracks(_files: Sequence[str], metadata: Mapping[str, Path]) -> pl.DataFrame:
    """Return one row a clip: track, path, genre, tags, group, artist, album, song.

    `tags` (list of str) are the instrument, drone, mode, metre and class of tempo. `artist` is a
    chorale's composer or a tune's collector, `album` the collection, `song` the piece.
    """
    return untrusted_parquet.read(metadata[METADATA[0]])[0]


def _known(root: Path) -> tuple[list[str], str | None]:
    """Return the paths of the clips that were rendered under `root`, and how they were."""
    table = root / METADATA[0]
    if not table.exists():
        return [], None
    remedy = "give demo a folder of its own, or delete the file"
    rows, words = untrusted_parquet.read(table, remedy)
    if _MADE_AS not in words:
        raise SoundstageError(f"{table}: not made by the data set demo; {remedy}")
    return rows["path"].to_list(), words[_MADE_AS]


def _in_parallel(
    what: str, unit: str, function: Callable[..., T], arguments: Iterable[tuple[Any, ...]]
) -> list[T]:
    arguments = list(arguments)
    tasks = (joblib.delayed(function)(*each) for each in arguments)
    done = []
    with progress(what, len(arguments), unit) as bar:
        for result in stage.in_processes(tasks):
            done.append(result)
            bar.update()
    return done


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


def _record(root: Path, clip: _Clip, score: _scores.Score, seconds: float) -> None:
    y = _render.perform(score, clip.how, seconds)
    _render.write(root / clip.path, y, clip.how.sr, clip.how.bitrate)


def _write_table(
    root: Path, clips: list[_Clip], scores: dict[str, _scores.Score], made_as: str
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
    write_parquet(root / METADATA[0], pl.DataFrame(rows), {_MADE_AS: made_as})


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
