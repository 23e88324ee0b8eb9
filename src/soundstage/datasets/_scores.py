"""The scores behind `demo`: which pieces of music21's corpus there are, and their notes.

Dance tunes and airs are ABC texts from two printed collections, chorales are MusicXML files.
"""

import contextlib
import importlib.util
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soundstage.errors import SoundstageError

# The metres in which a kind of tune is noted. One in another metre is mislabelled, or is another
# thing by the same name (Ryan's jigs in 2/4 are sand jigs).
_METRES = {
    "reel": {"2/4", "2/2", "4/4"},
    "hornpipe": {"2/4", "2/2", "4/4"},
    "jig": {"6/8"},
    "slipjig": {"9/8"},
    "air": {"2/4", "3/4", "4/4", "6/8"},
}
_ALLA_BREVE = {"reel", "hornpipe"}  # two beats in a bar however the bar is noted
_LAST_AIR = 625  # O'Neill's airs are his numbers 1 to 625; few bear a mark that they are airs
_MINOR = {"minor", "aeolian", "dorian", "phrygian"}  # the modes with a minor third
# What titles add to a tune's own name; without it the two collections' titles agree.
_NOT_ITS_NAME = (
    r"\(.*|['\u2019.]|\b(the|a|slip|jig|reel|hornpipe|air|setting|no\W*\d|\d(st|nd|rd|th))\b"
)


@dataclass(frozen=True)
class Piece:
    """A piece, not yet read: an ABC tune's text or the file of a chorale."""

    style: str
    group: str
    song: str
    album: str
    artist: str
    source: str | Path


@dataclass(frozen=True)
class Score:
    """The notes of a piece, its time counted in quarter notes.

    `notes` is float64 (notes, 4): onset, duration, MIDI pitch, part. The first bar line comes after
    `pickup`, the next ones every `bar`, which has `beats` beats, of three parts if `compound`.
    """

    notes: np.ndarray
    length: float
    pickup: float
    bar: float
    beats: int
    compound: bool
    minor: bool
    tonic: int


def pieces() -> list[Piece]:
    """Return every piece once, in a fixed order: of tunes with the same name the first is kept."""
    first: dict[str, Piece] = {}
    for piece in (*_tunes("ryansMammoth"), *_tunes("oneills1850"), *_chorales()):
        first.setdefault(piece.group, piece)
    return list(first.values())


def _corpus(folder: str) -> Path:
    spec = importlib.util.find_spec("music21")
    if spec is None or spec.origin is None:
        raise SoundstageError("dataset demo: music21 is not installed; pip install music21")
    path = Path(spec.origin).parent / "corpus" / folder
    if not path.is_dir():
        raise SoundstageError(
            f"dataset demo: music21 has been installed without its corpus of scores ({path} is "
            "missing); reinstall it from PyPI: pip install --force-reinstall music21"
        )
    return path


def _tunes(folder: str) -> Iterator[Piece]:
    for book in sorted(_corpus(folder).glob("*.abc")):
        for tune in re.split(r"(?m)^(?=X:)", book.read_text("utf-8"))[1:]:
            fields = re.findall(r"(?m)^([A-Z]):[ \t]*(.*?)[ \t]*$", tune)
            first = dict(reversed(fields))
            song = first.get("T", "")
            name = " ".join(re.findall(r"\w+", re.sub(_NOT_ITS_NAME, "", song.lower())))
            style = _style(folder, first)
            if style and name and len(re.findall(r"\bM:", tune)) == 1:
                ryan = folder == "ryansMammoth"
                yield Piece(
                    style,
                    group=name,
                    song=re.sub(r"\s+-+\s+", " ", song).rstrip("."),
                    album="Ryan's Mammoth Collection" if ryan else "O'Neill's Music of Ireland",
                    artist="William Bradbury Ryan" if ryan else "Francis O'Neill",
                    source=tune,
                )


def _style(folder: str, fields: dict[str, str]) -> str | None:
    """Return the kind of tune; None where its fields leave it open or contradict each other."""
    metre = {"C": "4/4", "C|": "2/2"}.get(fields.get("M", ""), fields.get("M", ""))
    mark = fields.get("R", "").lower()
    if not mark and folder == "oneills1850" and int(fields["X"]) <= _LAST_AIR:
        mark = "air"
    style = {"double jig": "jig", "slip jig": "slipjig"}.get(mark, mark)
    if style == "jig" and metre == "9/8":
        style = "slipjig"
    named = set(re.findall("reel|jig|hornpipe|strathspey|clog|march", fields.get("T", "").lower()))
    agree = metre in _METRES.get(style, ()) and named <= {style.removeprefix("slip")}
    return style if agree else None


def _chorales() -> Iterator[Piece]:
    folder = _corpus("bach")
    from music21.corpus.chorales import ChoraleList  # seconds to import

    for bwv, chorale in sorted(ChoraleList().byBWV.items()):
        yield Piece(
            "chorale",
            group=chorale["title"],  # Bach set some melodies more than once
            song=f"{chorale['title']}, BWV {bwv}",
            album="Chorales, BWV 250-438",
            artist="Johann Sebastian Bach",
            source=folder / f"bwv{bwv}.mxl",
        )


def read(piece: Piece) -> Score:
    """Read a piece's notes, its repeats played; what music21 has to say of the score is dropped."""
    from music21 import converter, key, meter, repeat, stream

    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        score: Any
        if isinstance(piece.source, Path):
            score = converter.parse(piece.source, forceSource=True, storePickle=False)
        else:
            score = converter.parse(piece.source, format="abc")
        parts = [
            (part.expandRepeats() if repeat.Expander(part).isExpandable() else part).stripTies()
            for part in score.parts
        ]
        home = score.recurse().getElementsByClass(key.Key).first()
        if home is None or isinstance(piece.source, Path):  # files of chorales call all keys major
            home = score.analyze("key")
        metre: Any = score.recurse().getElementsByClass(meter.TimeSignature).first()
        bar = float(metre.barDuration.quarterLength)
        first_bar: Any = parts[0].getElementsByClass(stream.Measure).first()
        notes = [
            (float(note.offset), float(note.quarterLength), pitch.midi, index)
            for index, part in enumerate(parts)
            for note in part.flatten().notes
            for pitch in note.pitches
            if note.quarterLength > 0  # grace notes are left out
        ]
        return Score(
            notes=np.array(notes),
            length=float(max(part.highestTime for part in parts)),
            pickup=float(first_bar.highestTime) % bar,
            bar=bar,
            beats=2 if piece.style in _ALLA_BREVE else metre.beatCount,
            compound=metre.beatDivisionCount == 3,
            minor=home.mode in _MINOR,
            tonic=home.tonic.pitchClass,
        )
