"""Any table of paths and labels: CSV, TSV or Parquet, with one label a track or several.

The audio lies under `root`. The table lies there too, or anywhere if `table` is an absolute path;
text is UTF-8, its columns separated by tabs, commas or semicolons, whichever the header has first
in this order, and quoted by RFC 4180.

A column that a parameter names must be there. Where a parameter is left out, a column of the
parameter's own name is used if there is one: a table with the columns path, genre and artist needs
no parameters.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from soundstage.datasets import folder
from soundstage.datasets._rows import Rows
from soundstage.errors import SoundstageError

CITATION = folder.CITATION
LICENCE = folder.LICENCE
METADATA = ("{table}",)
HONEST = "group"

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "validate", "val", "dev", "development"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}


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
    group : of what a split must keep together. A row without one belongs to all rows of its artist;
        without an artist too, to all of its album and to all of its song; and so, by way of one
        another, whole chains of rows are one group.
    artist, album, song : of their names.
    split : of train, valid or test, or what else they are called, see `PARTS`; nothing where a row
        is in none. It makes the split `given`.

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
    rows.check("paths of no audio in the folder", gone, paths)
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
    unknown = [part != "" and part.lower() not in PARTS for part in said]
    rows.check(f"parts other than {', '.join(PARTS)}", unknown, said)
    rows.raise_mistakes()

    known = {role: [value or None for value in values] for role, values in named.items()}
    nothing: list[str | None] = [None] * len(paths)
    about = {role: known.get(role, nothing) for role in ("artist", "album", "song")}
    given = [[{"split": "given", "part": PARTS[part.lower()]}] if part else [] for part in said]
    return pl.DataFrame(
        {
            "track": known.get("track", folder.names(paths)),
            "path": paths,
            "genre": known.get("genre", nothing),
            "tags": labels or nothing,
            "group": _groups({"group": known.get("group", nothing), **about, "path": paths}),
            **about,
            "splits": given or nothing,
        },
        schema_overrides={
            **dict.fromkeys(("genre", *about), pl.String),
            "tags": pl.List(pl.String),
            "splits": pl.List(pl.Struct({"split": pl.String, "part": pl.String})),
        },
    )


def _groups(known: Mapping[str, Sequence[str | None]]) -> list[str]:
    """Return each row's group, see `fetch`: named by its first group, else artist, and so on.

    `known`: group, artist, album, song and path, in this order.
    """
    n = len(known["path"])
    number: dict[tuple[str, str], int] = {}
    ties: list[tuple[int, int]] = []
    rows: Sequence[int] = range(n)  # those that nothing stronger ties, and so these roles do
    for roles in (("group",), ("artist",), ("album", "song")):
        for role in roles:
            tying = {known[role][i] for i in rows}
            ties += [
                (i, n + number.setdefault((role, name), len(number)))
                for i, name in enumerate(known[role])
                if name and name in tying
            ]
        rows = [i for i in rows if known[roles[0]][i] is None]
    a, b = np.array(ties, np.int64).reshape(-1, 2).T
    size = n + len(number)
    graph = coo_array((np.ones(len(ties), np.bool_), (a, b)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)

    first: dict[int, tuple[int, str]] = {}
    for label, *names in zip(labels[:n], *known.values(), strict=True):
        found = next((rank, name) for rank, name in enumerate(names) if name)
        first[label] = min(first.get(label, found), found)
    return [first[label][1] for label in labels[:n]]


def _is_inside(path: str) -> bool:
    pure, foreign = PurePosixPath(path), PureWindowsPath(path)
    leaves = pure.is_absolute() or foreign.is_absolute() or ".." in {*pure.parts, *foreign.parts}
    return bool(pure.parts) and "\0" not in path and not leaves


def _twice(names: Sequence[str]) -> list[bool]:
    count = Counter(names)
    return [count[name] > 1 for name in names]
