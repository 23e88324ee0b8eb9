"""MTG-Jamendo: 55,609 whole tracks of 3,565 artists with tags of genres, instruments and moods.

Its tables are those of the official repository, github.com/MTG/mtg-jamendo-dataset: of all 195 tags
or of a subset's (`genre` 55,215 tracks, `instrument` 25,135, `moodtheme` 18,486, `top50` 54,380).
Its own splits are

split-0 ... split-4   60, 20 and 20 % of the artists, none of whom is in two parts. All five keep
                      the same tags: those that too few artists of some part have are left out (12
                      of the 195), and so are the 84 tracks without any other

So says the script data_split.py there, which dealt them. 990 tracks are copies of one another, bit
by bit (issue 52 there); the audit counts those that two parts share.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import polars as pl

from soundstage.errors import SoundstageError

CITATION = (
    "D. Bogdanov, M. Won, P. Tovstogan, A. Porter and X. Serra, The MTG-Jamendo dataset for "
    "automatic music tagging, Machine Learning for Music Discovery Workshop, ICML 2019."
)
LICENCE = (
    "The metadata: Creative Commons Attribution-NonCommercial-ShareAlike 4.0. Each recording: the "
    "licence of its artist, see audio_licenses.txt of the official repository."
)
HONEST = "split-0"

SPLITS = tuple(f"split-{i}" for i in range(5))
PARTS = {"train": "train", "validation": "valid", "test": "test"}
_SUBSETS = {
    "all": "",
    "genre": "_genre",
    "instrument": "_instrument",
    "moodtheme": "_moodtheme",
    "top50": "_top50tags",
}
# The repository's tables lie with the audio or, as a copy of the repository, within or beside it.
_FOLDERS = (
    "data/", "", "mtg-jamendo-dataset/data/", "../data/", "../mtg-jamendo-dataset/data/",
)  # fmt: skip
METADATA = tuple(
    f"{folder}{name}.tsv"
    for folder in _FOLDERS
    for subset in ("", "_{tags}", "_{tags}tags")
    for name in (
        f"autotagging{subset}",
        *(f"splits/{split}/autotagging{subset}-{part}" for split in SPLITS for part in PARTS),
    )
)
_HEADER = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
_LOW = ".low.mp3"  # of the archives of a lower bit rate


class _Row(NamedTuple):
    track: str
    artist: str
    album: str
    path: str
    seconds: float
    tags: list[str]


def fetch(
    root: Path,
    own: Path,
    metadata: Mapping[str, Path],
    *,
    tags: Literal["all", "genre", "instrument", "moodtheme", "top50"] = "top50",
) -> None:
    """Check that audio and tables are there: none of the 508 GB is downloaded.

    tags : all 195, or those of a subset

    Raises
    ------
    SoundstageError
        The audio or the subset's table is missing.
    """
    if root == own or not any(root.glob("**/[0-9][0-9]/[0-9]*.mp3")):
        raise SoundstageError(
            f"{root}: holds no MTG-Jamendo; get it by scripts/download/download.py of "
            "github.com/MTG/mtg-jamendo-dataset, and set the data set's `root` in params.yaml to "
            "the folder that holds 14/214.mp3 or 14/214.low.mp3, at any depth"
        )
    name = f"autotagging{_SUBSETS[tags]}.tsv"
    if _find(metadata, name) is None:
        raise SoundstageError(
            f"{root}: {name} is missing; put the folder `data` of "
            "github.com/MTG/mtg-jamendo-dataset there, or a copy of the repository beside it"
        )
    for split in SPLITS:
        if lacks := [name for name in _lists(split, tags) if _find(metadata, name) is None]:
            print(f"warning: {split!r} cannot be chosen in this run: {lacks[0]} is missing")


def tracks(
    files: Sequence[str],
    metadata: Mapping[str, Path],
    *,
    tags: Literal["all", "genre", "instrument", "moodtheme", "top50"] = "top50",
) -> pl.DataFrame:
    """Return a track each, named as `track_0000214`; a group is an artist, known by number.

    Tags are named as `genre---rock`. Where there are lists of a split, only their tags are used, so
    that a model has those of published results; other tracks have none.

    Raises
    ------
    SoundstageError
        A table is missing or damaged, or a list is of another version than the table.
    """
    table = _find(metadata, f"autotagging{_SUBSETS[tags]}.tsv")
    if table is None:
        raise SoundstageError("MTG-Jamendo: the subset's table is missing; run fetch again")
    rows = list(_rows(table))
    known = {row.track for row in rows}
    splits: dict[str, list[dict[str, str]]] = {track: [] for track in known}
    kept = set[str]()
    for split in SPLITS:
        names = _lists(split, tags)
        lists = {part: file for name, part in names.items() if (file := _find(metadata, name))}
        dealt = set[str]()
        for part, file in lists.items() if len(lists) == len(names) else ():
            for row in _rows(file):
                if row.track not in known or row.track in dealt:
                    why = "is in two parts" if row.track in dealt else f"is not in {table.name}"
                    raise SoundstageError(
                        f"{file}: {row.track} {why}; get all tables from one version of the "
                        "repository"
                    )
                dealt.add(row.track)
                kept.update(row.tags)
                splits[row.track].append({"split": split, "part": part})
    whole = _whole_paths(files)
    return pl.DataFrame(
        {
            "track": [row.track for row in rows],
            "path": [whole.get(row.path, row.path) for row in rows],
            "tags": [[tag for tag in row.tags if not kept or tag in kept] for row in rows],
            "group": [row.artist for row in rows],
            "artist": [row.artist for row in rows],
            "album": [row.album for row in rows],
            "seconds": [row.seconds for row in rows],
            "splits": [splits[row.track] for row in rows],
        },
        schema_overrides={"splits": pl.List(pl.Struct({"split": pl.String, "part": pl.String}))},
    )


def _lists(split: str, tags: str) -> dict[str, str]:
    """Return the names of a split's lists -> their parts."""
    return {
        f"splits/{split}/autotagging{_SUBSETS[tags]}-{name}.tsv": part
        for name, part in PARTS.items()
    }


def _find(metadata: Mapping[str, Path], name: str) -> Path | None:
    return next((metadata[f + name] for f in _FOLDERS if f + name in metadata), None)


def _rows(file: Path) -> Iterator[_Row]:
    """Yield the rows of a table: five columns, and in all further ones a tag each."""
    try:
        with file.open(encoding="utf-8", newline="") as text:
            reader = csv.reader(text, delimiter="\t")
            if next(reader, None) != _HEADER:
                raise SoundstageError(
                    f"{file}: its first line is not that of MTG-Jamendo's tables; get it again. A "
                    "file of one name only stands for a link: copy what it names in its place"
                )
            for track, artist, album, path, seconds, *tags in reader:
                if not track.startswith("track_") or not all("---" in tag for tag in tags):
                    raise ValueError(f"{track!r} is no track, or has other tags")
                yield _Row(track, artist, album, path, float(seconds), tags)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise SoundstageError(f"{file}: cannot be read, get it again: {error}") from error


def _whole_paths(files: Sequence[str]) -> dict[str, str]:
    """Return a path as the tables have it -> the path of that file.

    Where a track is there at both bit rates, the higher one is taken; else the first in order.
    """
    paths: dict[str, str] = {}
    for file in sorted(files, key=lambda file: (file.endswith(_LOW), file)):
        name = "/".join(PurePosixPath(file).parts[-2:])
        paths.setdefault(f"{name.removesuffix(_LOW)}.mp3" if name.endswith(_LOW) else name, file)
    return paths
