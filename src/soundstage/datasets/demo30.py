"""Clips of 30 s as the papers' data sets have, in ten styles, with known faults planted.

Rendered from scores as `demo` is, see there, but every player has an instrument, a recorder and
a room of their own. Of every 20 clips of a style

2 repeat another clip byte for byte; 2 are another encoding of one, softer and a little later;
2 are the piece of another clip, by another player on another instrument, at another tempo;
3 are other pieces by one player, the style's `artist`;
1 bears another style's label;

and the other 10 are a piece each by a player each. So 14 are pieces of their own. `planted.csv`
beside the audio lists what is planted; the table of tracks does not, and no model sees it. A group
is a piece, with all copies of it, or all pieces of an artist; other players are not named.

With `fresh`, there are other pieces, by other players: of each style a third of all pieces is kept
for these. They are drawn alike, but no two are of one piece or player, and every label is right. As
none of them is in the data set without `fresh`, what a model trained on that scores here is true.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from soundstage.datasets import _more_scores, _render, _scores, demo
from soundstage.datasets.demo import HONEST, LICENCE, METADATA, tracks
from soundstage.errors import SoundstageError
from soundstage.files import write_bytes, write_parquet

__all__ = ["CITATION", "HONEST", "LICENCE", "METADATA", "fetch", "tracks"]

CITATION = (
    f"{demo.CITATION} Also J. Aird, A Selection of Scotch, English, Irish and Foreign Airs, "
    "1782-1803; C. Monteverdi, Madrigals, books 3 to 5; Polyphonic Music of the Fourteenth Century."
)
PLANTED = "planted.csv"
_PLANTED = dict.fromkeys(("track", "kind", "other", "genre"), pl.String)

_RENDERING = 1  # to be raised when the same parameters give other bytes
_STYLES = demo._STYLES | {
    "madrigal": demo._Style((60, 96), "choir"),
    "march": demo._Style((84, 116), "trumpet"),
    "strathspey": demo._Style((110, 150), "violin"),
    "trecento": demo._Style((66, 110), "oboe"),
}
_PROGRAMS = demo._PROGRAMS | {"choir": 52, "oboe": 68, "trumpet": 56}
_PREVAIL = 0.6  # the share of players on their style's instrument; the others take any
_IN_PARTS = {"chorale", "madrigal", "trecento"}  # never above a drone

# What the clips of a style are, over and over; a copy is of the clip before it.
_COPIES = ("repeated", "reencoded", "instruments")
_PLAN = (
    "", "repeated", "", "reencoded", "", "instruments", "artist", "", "mislabelled", "",
    "", "repeated", "", "reencoded", "", "instruments", "artist", "", "artist", "",
)  # fmt: skip
_FRESH = 3  # of every so many pieces the last one is kept for fresh clips
_LATER = (0.1, 2.0)  # how many seconds later another encoding begins
_SOFTER = 6.0  # and how many dB softer it is at most
_BITRATES = (64000, 96000, 128000)
_ROOM, _ECHO = 0.4, 0.5  # seconds that a room rings, and how loud at first beside the player


@dataclass(frozen=True)
class _Clip(demo._Clip):
    """A clip of `demo` with its label, its room, what it skips in seconds, and what it is.

    `kind` is one of `_PLAN`, `other` the clip it is a copy of, or its artist.
    """

    genre: str
    room: int
    later: float
    kind: str
    other: str


def fetch(
    root: Path,
    _own: Path,
    _metadata: Mapping[str, Path],
    *,
    clips_per_style: PositiveInt = 40,
    seconds: PositiveFloat = 30.0,
    seed: NonNegativeInt = 0,
    fresh: bool = False,
) -> None:
    """Render what is missing under `root`, everything where it was rendered otherwise.

    Parameters
    ----------
    clips_per_style, seconds, seed : see `demo.fetch`; there are ten styles here.
    fresh : other pieces than without it, none of which is planted.

    Files are MP3 or 16-bit WAV, as many mono as stereo, at 22050 or 44100 Hz. The same parameters
    give the same bytes. Raises SoundstageError as `demo.fetch` does.
    """
    parameters = {"clips_per_style": clips_per_style, "seconds": float(seconds), "seed": seed}
    made_as = json.dumps({"rendering": f"demo30, {_RENDERING}", **parameters, "fresh": fresh})
    known, known_as = demo._known(root)
    current = known_as == made_as and (root / PLANTED).is_file()
    if current and all((root / path).is_file() for path in known):
        return

    clips = _clips(clips_per_style, seed, fresh)
    wanted = [clip for clip in clips if not (current and (root / clip.path).is_file())]
    pieces = {clip.piece.group: clip.piece for clip in wanted}
    read = demo._in_parallel("demo30: read scores", "pieces", _scores.read, zip(pieces.values()))
    scores = dict(zip(pieces, read, strict=True))
    if not current:
        for path in {*known, *(clip.path for clip in clips)}:
            (root / path).unlink(missing_ok=True)
        # Before the audio, so that what an interrupted run leaves is known to be of these clips.
        _write_tables(root, clips, scores, made_as)
    work = [(root, clip, scores[clip.piece.group], seconds) for clip in wanted]
    demo._in_parallel("demo30: render", "clips", _record, work)


def planted(root: Path) -> pl.DataFrame:
    """Read what is planted under `root`: track, kind, other, genre, one row a planted clip.

    `kind` is repeated, reencoded, instruments (all three of the track `other`), artist (who is
    `other`) or mislabelled; `genre` is the true one.
    """
    return pl.read_csv(root / PLANTED, schema=_PLANTED)


def _clips(clips_per_style: int, seed: int, fresh: bool) -> list[_Clip]:
    """Draw the clips; one does not depend on how many others are drawn."""
    pieces = _more_scores.pieces()
    clips: list[_Clip] = []
    for style in _STYLES:
        ranked = sorted(
            (piece for piece in pieces if piece.style == style),
            key=lambda piece: demo._digest(seed, piece.group),
        )
        ranked = [p for i, p in enumerate(ranked) if (i % _FRESH == _FRESH - 1) == fresh]
        waiting = iter(ranked)
        for index in range(clips_per_style):
            kind = _PLAN[index % len(_PLAN)]
            if kind in _COPIES and not fresh:
                clips.append(_copy(clips[-1], kind, index, seed))
                continue
            piece = next(waiting, None)
            if piece is None:
                raise SoundstageError(
                    f"datasets: clips_per_style: {clips_per_style}, but the {len(ranked)} pieces "
                    f"of style {style} make {index} clips; choose {index} or less"
                )
            clip = _clip(style, index, piece, "" if fresh else kind, seed)
            if kind in _COPIES:  # fresh clips sound as copies do, but none is one
                clip = replace(_copy(clip, kind, index, seed), kind="", other="")
            clips.append(clip)
    return clips


def _clip(style: str, index: int, piece: _scores.Piece, kind: str, seed: int) -> _Clip:
    artist = f"The {style} players" if kind == "artist" else ""
    player = demo._rng(seed, "player", artist or piece.group)
    instrument = _STYLES[style].instrument
    if player.random() >= _PREVAIL:
        instrument = str(player.choice(sorted(_PROGRAMS)))
    recorder, room = _recorder(player), int(player.integers(2**32))
    rng = demo._rng(seed, piece.group)
    how = _render.Performance(
        program=_PROGRAMS[instrument],
        drone=bool(style not in _IN_PARTS and rng.random() < demo._DRONES),
        bpm=float(rng.uniform(*_STYLES[style].bpm)),
        start=float(rng.random()),
        seed=int(rng.integers(2**32)),
        **recorder,
    )
    genre = _others_label(style, index // len(_PLAN)) if kind == "mislabelled" else style
    return _Clip(*_names(genre, index, how), piece, instrument, how, genre, room, 0.0, kind, artist)


def _copy(of: _Clip, kind: str, index: int, seed: int) -> _Clip:
    """Return a clip of the same piece: the same bytes, another encoding, or another player."""
    rng = demo._rng(seed, kind, of.piece.group)
    how = of.how
    changes: dict[str, Any] = {}
    if kind == "reencoded":
        peak, later = how.peak - float(rng.uniform(0, _SOFTER)), float(rng.uniform(*_LATER))
        others = [bitrate for bitrate in (None, *_BITRATES) if bitrate != how.bitrate]
        how = replace(how, peak=peak, bitrate=others[rng.integers(len(others))])
        changes = {"later": later}
    elif kind == "instruments":
        instrument = str(rng.choice(sorted(_PROGRAMS.keys() - {of.instrument})))
        bpm, its_seed = float(rng.uniform(*_STYLES[of.piece.style].bpm)), int(rng.integers(2**32))
        how = replace(how, program=_PROGRAMS[instrument], bpm=bpm, seed=its_seed, **_recorder(rng))
        changes = {"instrument": instrument, "room": int(rng.integers(2**32))}
    track, path = _names(of.genre, index, how)
    return replace(of, track=track, path=path, how=how, kind=kind, other=of.track, **changes)


def _recorder(rng: np.random.Generator) -> dict[str, Any]:
    """Draw how a player is recorded: those fields of a performance."""
    return {
        "sr": int(rng.choice([22050, 44100])),
        "channels": int(rng.choice([1, 2])),
        "peak": float(rng.uniform(-6, -1)),
        "bitrate": _BITRATES[rng.integers(len(_BITRATES))] if rng.random() < 0.5 else None,
    }


def _names(genre: str, index: int, how: _render.Performance) -> tuple[str, str]:
    """Return a clip's name and path."""
    track = f"{genre}.{index:05d}"
    return track, f"{genre}/{track}.{'mp3' if how.bitrate else 'wav'}"


def _others_label(style: str, turn: int) -> str:
    """Return another style, so that in each turn the styles exchange their labels all around."""
    styles = sorted(_STYLES)
    by = 1 + turn % (len(styles) - 1)
    return styles[(styles.index(style) + by) % len(styles)]


def _record(root: Path, clip: _Clip, score: _scores.Score, seconds: float) -> None:
    # As long for every clip: the dynamics of a passage depend on how many notes it has.
    y = _render.perform(score, clip.how, seconds + _LATER[1])
    y = y + scipy.signal.oaconvolve(y, _echo(clip)[:, None], axes=0)[: len(y)]
    y = y[round(clip.later * clip.how.sr) :][: round(seconds * clip.how.sr)]
    y *= 10 ** (clip.how.peak / 20) / np.abs(y).max(initial=np.finfo(np.float32).tiny)
    _render.write(root / clip.path, y.astype(np.float32), clip.how.sr, clip.how.bitrate)


def _echo(clip: _Clip) -> np.ndarray:
    """Return what a room adds to its impulse: noise that fades by 60 dB, alike at either rate."""
    rng = np.random.default_rng(clip.room)
    ringing, loud = rng.uniform(0.1, _ROOM), rng.uniform(0, _ECHO)
    t = np.arange(1, round(_ROOM * 22050)) / 22050
    noise = rng.standard_normal(len(t)) * 10 ** (-3 * t / ringing)
    noise *= loud / np.sqrt(np.square(noise).sum())
    up = clip.how.sr // 22050
    return np.append(0, scipy.signal.resample_poly(noise, up, 1) / up)


def _write_tables(
    root: Path, clips: list[_Clip], scores: dict[str, _scores.Score], made_as: str
) -> None:
    truth = [
        {"track": clip.track, "kind": clip.kind, "other": clip.other, "genre": clip.piece.style}
        for clip in clips
        if clip.kind
    ]
    write_bytes(root / PLANTED, pl.DataFrame(truth, _PLANTED).write_csv().encode())
    rows = [
        {
            "track": clip.track,
            "path": clip.path,
            "genre": clip.genre,
            "tags": demo._tags(clip, scores[clip.piece.group]),
            "group": clip.other if clip.kind == "artist" else clip.piece.group,
            "artist": clip.other if clip.kind == "artist" else None,
            "album": clip.piece.album,
            "song": clip.piece.song,
        }
        for clip in clips
    ]
    table = pl.DataFrame(rows, schema_overrides={"artist": pl.String})
    write_parquet(root / METADATA[0], table, {demo._MADE_AS: made_as})
