"""Further pieces of music21's corpus, for `demo30`: marches, strathspeys, madrigals, the Trecento.

Marches and strathspeys are ABC texts whose title says so, from Aird's and the two Irish collections
of `_scores`, those in several voices left out; the others are MusicXML files.
"""

import re
from collections.abc import Iterator

from soundstage.datasets import _scores
from soundstage.datasets._scores import Piece

_METRES = {"march": {"C", "C|", "2/4", "4/4", "6/8"}, "strathspey": {"C", "C|", "4/4"}}
_ALBUMS = {
    "airdsAirs": ("Selection of Scotch, English, Irish and Foreign Airs", "James Aird"),
    "oneills1850": ("O'Neill's Music of Ireland", "Francis O'Neill"),
    "ryansMammoth": ("Ryan's Mammoth Collection", "William Bradbury Ryan"),
}


def pieces() -> list[Piece]:
    """Return the pieces of `_scores` and these, every one once: of one name the first is kept."""
    first: dict[str, Piece] = {}
    tunes = (tune for folder in _ALBUMS for tune in _tunes(folder))
    for piece in (*_scores.pieces(), *tunes, *_madrigals(), *_trecento()):
        first.setdefault(piece.group, piece)
    return list(first.values())


def _tunes(folder: str) -> Iterator[Piece]:
    album, artist = _ALBUMS[folder]
    for book in sorted(_scores._corpus(folder).glob("*.abc")):
        for tune in re.split(r"(?m)^(?=X:)", book.read_text("utf-8"))[1:]:
            first = dict(reversed(re.findall(r"(?m)^([A-Z]):[ \t]*(.*?)[ \t]*$", tune)))
            song = first.get("T", "")
            said = f"{song} {first.get('R', '')}".lower()
            named = [style for style in _METRES if style in said]
            if len(named) == 1 and first.get("M") in _METRES[named[0]] and "\nV:" not in tune:
                yield Piece(named[0], _name(song), song, album, artist, tune)


def _name(song: str) -> str:
    """Return a tune's own name, without its kind."""
    kind = r"|\b(march|strathspey)\b"
    return " ".join(re.findall(r"\w+", re.sub(_scores._NOT_ITS_NAME + kind, "", song.lower())))


def _madrigals() -> Iterator[Piece]:
    for file in sorted(_scores._corpus("monteverdi").glob("madrigal.*.mxl")):
        if number := re.fullmatch(r"madrigal\.(\d+\.\d+)", file.stem):
            name = f"madrigal {number[1]}"
            yield Piece("madrigal", name, name, "Madrigals", "Claudio Monteverdi", file)


def _trecento() -> Iterator[Piece]:
    """Yield what is in _Polyphonic Music of the Fourteenth Century_, a mass movement a name."""
    for file in sorted(_scores._corpus("trecento").glob("PMFC_*.xml")):
        # Without numbers and the letters of versions: two Glorias of one name may be one.
        song = " ".join(re.findall(r"[^\W\d_]{2,}", file.stem.removeprefix("PMFC")))
        song = song.removesuffix(" bak")
        album = "Polyphonic Music of the Fourteenth Century"
        yield Piece("trecento", song.lower(), song, album, "Trecento", file)
