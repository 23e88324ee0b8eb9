"""Any folder of genre folders: `root/<genre>/<clip>`, or `root/<genre>/<artist>/.../<clip>`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from soundstage.errors import SoundstageError

CITATION = "your own music"
LICENCE = "your own"
METADATA: tuple[str, ...] = ()
HONEST = "group"


def fetch(root: Path, _own: Path, _metadata: Mapping[str, Path]) -> None:
    """Check that the folder is there: it is yours, read in place, never written to."""
    if not root.is_dir():
        raise SoundstageError(
            f"{root}: no such folder; say `root: /path/to/music` at this data set in params.yaml"
        )


def tracks(files: Sequence[str], _metadata: Mapping[str, Path]) -> pl.DataFrame:
    """Return a track a file: its genre is the first folder's name.

    A folder between genre and file is the artist, a further one the album. The group, which a
    split keeps together, is the artist where there is one, else the file itself. Files that lie
    in no folder have no genre and are left out, and so are folders, whose paths end in `/`.
    """
    files = [file for file in files if "/" in file and not file.endswith("/")]
    rows = []
    for track, file in zip(names(files), files, strict=True):
        genre, *between, name = PurePosixPath(file).parts
        artist, album = [*between, None, None][:2]
        rows.append(
            {
                "track": track,
                "path": file,
                "genre": genre,
                "tags": None,
                "group": artist or file,
                "artist": artist,
                "album": album and f"{artist}/{album}",  # Greatest Hits are many
                "song": f"{artist}/{PurePosixPath(name).stem}" if artist else track,
            }
        )
    schema = {"tags": pl.List(pl.String)} | dict.fromkeys(("artist", "album"), pl.String)
    return pl.DataFrame(rows, schema_overrides=schema)


def names(files: Sequence[str]) -> list[str]:
    """Name each track by its file's path without the ending.

    With the ending where two would have one name (`1.mp3` and `1.wav`).
    """
    stems = [str(PurePosixPath(file).with_suffix("")) for file in files]
    count, paths = Counter(stems), set(files)
    return [
        file if count[stem] > 1 or stem in paths else stem
        for file, stem in zip(files, stems, strict=True)
    ]
