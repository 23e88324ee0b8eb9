"""Any table of paths and labels: CSV, TSV or Parquet, with one label a track or several.

The audio lies under `root`. The table lies there too, or anywhere if `table` is an absolute path;
text is UTF-8, quoted by RFC 4180, and its columns are separated by the tab, comma, semicolon or bar
that fits its rows, or the one that a first line `sep=;` names.

A column that a parameter names must be there; case does not count where one column only is meant.
Where a parameter is left out, a column of the parameter's own name is used if there is one: a table
with the columns path, genre and artist needs no parameters. Where the column of the tags is the
last one, a row may be longer than the header: the rest of it are further tags.

Nothing is known where a field is empty or says nan, None, null or the like, see `labels.MISSING`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

import polars as pl

from soundstage.datasets import folder
from soundstage.datasets._parts import PARTS, parts
from soundstage.datasets._rows import Rows
from soundstage.errors import SoundstageError
from soundstage.file_names import is_left_out

CITATION = folder.CITATION
LICENCE = folder.LICENCE
METADATA = ("{table}",)
HONEST = "group"


def fetch(
    root: Path,
    own: Path,
    metadata: Mapping[str, Path],
    *,
    table: str = "tracks.csv",
    path: str | None = None,
    track: str | None = None,
    genre: str | None = None,
    tags: str | None = None,
    tag_columns: str | None = None,
    separator: str = "|",
    group: str | None = None,
    artist: str | None = None,
    album: str | None = None,
    song: str | None = None,
    split: str | None = None,
) -> None:
    """Check the folder and all of the table, before hours are spent on the audio.

    Parameters
    ----------
    table : its path, relative to `root`, or absolute.
    path : the column of the files' paths, relative to `root`.
    track : of the tracks' names; without one, they are the paths without the endings.
    genre : of one label a track.
    tags : of any number of labels a track, between them the `separator`; a list in Parquet.
    tag_columns : columns named by a tag, 0 or 1 in each row, between them the `separator`; "*" are
        all that no other parameter names. Instead of `tags`.
    group : of what a split must keep together. A row without one belongs to all rows of its
        artist, album or song, see `grouping.groups`.
    artist, album, song : of their names.
    split : of train, valid or test, or what else they are called, see `_parts.parts`; nothing where
        a row is in none. It makes the split `given`.

    Raises
    ------
    SoundstageError
        Folder or table is missing, or the table has mistakes: each kind with how many rows have it
        and the first of their lines.
    """
    folder.fetch(root, own, metadata)
    if table not in metadata:
        raise SoundstageError(
            f"{root / table}: no such table; say `table: labels.csv` at this data set in "
            "params.yaml, a path relative to its `root`, or an absolute one"
        )
    columns = {
        "path": path, "track": track, "genre": genre, "tags": tags, "group": group,
        "artist": artist, "album": album, "song": song, "split": split,
    }  # fmt: skip
    _tracks(metadata[table], lambda file: (root / file).is_file(), columns, tag_columns, separator)


def tracks(
    files: Sequence[str],
    metadata: Mapping[str, Path],
    *,
    table: str = "tracks.csv",
    path: str | None = None,
    track: str | None = None,
    genre: str | None = None,
    tags: str | None = None,
    tag_columns: str | None = None,
    separator: str = "|",
    group: str | None = None,
    artist: str | None = None,
    album: str | None = None,
    song: str | None = None,
    split: str | None = None,
) -> pl.DataFrame:
    """Return a track a row of the table; for the parameters and errors see `fetch`."""
    columns = {
        "path": path, "track": track, "genre": genre, "tags": tags, "group": group,
        "artist": artist, "album": album, "song": song, "split": split,
    }  # fmt: skip
    there = set(files).__contains__
    return _tracks(metadata[table], there, columns, tag_columns, separator)


def _tracks(
    file: Path,
    is_there: Callable[[str], bool],
    columns: Mapping[str, str | None],
    tag_columns: str | None,
    separator: str,
) -> pl.DataFrame:
    rows = Rows(file)
    named, flagged = rows.choose(columns, tag_columns, separator)
    paths = [str(PurePosixPath(path)) for path in named.get("path", [])]
    inside = [_is_inside(path) for path in named.get("path", [])]
    rows.check("paths that leave the folder, or none", [not ok for ok in inside], named.get("path"))
    rows.check("paths that occur twice", _twice(paths), paths)
    gone = [ok and not is_there(path) for ok, path in zip(inside, paths, strict=True)]
    left = [ok and is_left_out(path) for ok, path in zip(inside, paths, strict=True)]
    rows.check("paths under names that only systems and tools give, left out", left, paths)
    absent = [away and not out for away, out in zip(gone, left, strict=True)]
    rows.check("paths of no audio in the folder", absent, paths)
    if "track" in named:
        twice = _twice(named["track"])
        bad = [not name or again for name, again in zip(named["track"], twice, strict=True)]
        rows.check("names of tracks that are empty or occur twice", bad, named["track"])

    labels = flagged or (rows.tags(named["tags"], separator) if "tags" in named else None)
    if labels is None and "genre" in named:
        rows.check("empty labels", [not genre for genre in named["genre"]], named.get("path"))
    if labels is not None and not any(labels) and not rows.mistakes:
        rows.mistakes.append("no row has a tag")
    said = named.get("split", [])
    meant = parts(set(said))
    unknown = [part != "" and part not in meant for part in said]
    rows.check(f"parts other than {', '.join(PARTS)}, eval", unknown, said)
    rows.raise_mistakes()

    nothing: list[str | None] = [None] * len(paths)
    about = {
        role: [value or None for value in named.get(role, nothing)]
        for role in ("genre", "group", "artist", "album", "song")
    }
    given = [[{"split": "given", "part": meant[part]}] if part else [] for part in said]
    return pl.DataFrame(
        {
            "track": named.get("track", folder.names(paths)),
            "path": paths,
            "tags": labels or nothing,
            **about,
            "splits": given or nothing,
        },
        schema_overrides={
            **dict.fromkeys(about, pl.String),
            "tags": pl.List(pl.String),
            "splits": pl.List(pl.Struct({"split": pl.String, "part": pl.String})),
        },
    )


def _is_inside(path: str) -> bool:
    pure, foreign = PurePosixPath(path), PureWindowsPath(path)
    leaves = pure.is_absolute() or foreign.is_absolute() or ".." in {*pure.parts, *foreign.parts}
    return bool(pure.parts) and "\0" not in path and not leaves


def _twice(names: Sequence[str]) -> list[bool]:
    count = Counter(names)
    return [count[name] > 1 for name in names]
