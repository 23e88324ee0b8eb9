"""Any folder of genre folders: `root/<genre>/<clip>`, or `root/<genre>/<artist>/.../<clip>`.

Where the folders are parts of a split, `root/train/<genre>/...` and `root/test/<genre>/...`, or
`root/<genre>/train/...`, they make the split `given`, see `_parts.parts` for their names.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from soundstage.datasets._parts import parts
from soundstage.errors import SoundstageError
from soundstage.file_names import is_audio, is_left_out, without_ending

CITATION = "your own music"
LICENCE = "your own"
METADATA: tuple[str, ...] = ()
HONEST = "group"


def fetch(root: Path, _own: Path, _metadata: Mapping[str, Path]) -> None:
    """Check that the folder is there and its layout: it is yours, read in place, never written to.

    Raises SoundstageError if it is not there, or see `tracks`.
    """
    if not root.is_dir():
        raise SoundstageError(
            f"{root}: no such folder; say `root: /path/to/music` at this data set in params.yaml"
        )
    below = (
        Path(folder, name).relative_to(root).as_posix()
        for folder, _, files in os.walk(root)
        for name in files
    )
    _places([file for file in below if is_audio(file) and not is_left_out(file)])


def tracks(files: Sequence[str], _metadata: Mapping[str, Path]) -> pl.DataFrame:
    """Return a track a file: its genre is the first folder's name, that of a part left aside.

    A folder between genre and file is the artist, a further one the album; artists are the same in
    all parts. Files that lie in no folder have no genre and are left out, and so are folders, whose
    paths end in `/`.

    Raises
    ------
    SoundstageError
        Some folders are parts of a split, and beside them others hold audio too.
    """
    places = _places(files)
    rows = []
    for track, (file, (part, *folders)) in zip(names(list(places)), places.items(), strict=True):
        genre, artist, album = [*folders, None, None][:3]
        rows.append(
            {
                "track": track,
                "path": file,
                "genre": genre,
                "artist": artist,
                "album": album and f"{artist}/{album}",  # Greatest Hits are many
                "song": artist and f"{artist}/{PurePosixPath(without_ending(file)).name}",
                "splits": part and [{"split": "given", "part": part}],
            }
        )
    return pl.DataFrame(
        rows,
        dict.fromkeys(("track", "path", "genre", "artist", "album", "song"), pl.String)
        | {"splits": pl.List(pl.Struct({"split": pl.String, "part": pl.String}))},
    )


def _places(files: Sequence[str]) -> dict[str, Sequence[str | None]]:
    """Return file -> its part, or None, and its folders from the genre's on."""
    folders = {
        file: PurePosixPath(file).parts[:-1]
        for file in files
        if "/" in file and not file.endswith("/")
    }
    for depth in (0, 1):
        known = parts({place[depth] for place in folders.values() if len(place) > depth})
        if not known or (depth == 1 and len(set(known.values())) == 1):
            continue  # one artist may be called Train
        others = {
            "/".join(place[: depth + 1])
            for place in folders.values()
            if len(place) <= depth or place[depth] not in known
        }
        if others:
            raise SoundstageError(
                f"the folders {_some(known)} are parts of a split, but beside them hold audio too: "
                f"{_some(others)}; move these into the parts, or rename what is no part"
            )
        return {
            file: (known[place[depth]], *place[:depth], *place[depth + 1 :])
            for file, place in folders.items()
            if depth or len(place) > 1
        }
    return {file: (None, *place) for file, place in folders.items()}


def _some(names: Sequence[str] | set[str] | Mapping[str, str]) -> str:
    shown = ", ".join(repr(name) for name in sorted(names)[:5])
    return f"{shown}, ..." if len(names) > 5 else shown


def names(files: Sequence[str]) -> list[str]:
    """Name each track by its file's path without the ending.

    With the ending where two would have one name (`1.mp3` and `1.wav`).
    """
    stems = [without_ending(file) for file in files]
    count, paths = Counter(stems), set(files)
    return [
        file if count[stem] > 1 or stem in paths else stem
        for file, stem in zip(files, stems, strict=True)
    ]
