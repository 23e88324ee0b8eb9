"""GTZAN: ten genres, a hundred clips of 30 s each.

The original archive's `.au` or the `.wav` of the copies, in any of their layouts: `blues/`,
`genres/blues/`, `Data/genres_original/blues/`. Its own splits are

fault_filtered           443, 197 and 290 clips; artists kept apart, known faults left out
fault_filtered_holdout   the same test clips, which validate too; the 197 train
stratified               500, 250 and 250 clips, as many of each genre; artists and replicas are not
                         kept apart. Only where you have its lists, train_stratified.txt and so on:
                         they are not downloaded
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from soundstage.datasets import _gtzan
from soundstage.datasets._gtzan import CITATION, HONEST, LICENCE, SPLITS
from soundstage.errors import SoundstageError

__all__ = ["CITATION", "FAULTS", "FILES", "HONEST", "LICENCE", "METADATA", "SECONDS", "SPLITS"]

METADATA = _gtzan.LISTS
FAULTS = {"jazz/jazz.00054.wav": "unreadable in the copies on Kaggle; fine in the original archive"}
FILES = 1000
SECONDS = (660_000 / 22_050, 675_808 / 22_050)  # of the shortest and the longest clip


def fetch(root: Path, own: Path, metadata: Mapping[str, Path]) -> None:
    """Check that the audio is there: no official address serves it any more."""
    if not any(root.glob("**/blues/blues.[0-9]*")):
        raise SoundstageError(
            f"{root}: holds no GTZAN, and no official address serves it any more. Say `root:` at "
            "this data set in params.yaml: the folder that holds `blues/blues.00000.wav` (or .au) "
            "and the other nine genres, at any depth, or the archive genres.tar.gz (SHA-256 "
            "24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6)"
        )
    _gtzan.fetch_lists(own, metadata)


def tracks(files: Sequence[str], metadata: Mapping[str, Path]) -> pl.DataFrame:
    """Return a track a song: the genre is the first part of a file's name.

    Where a song is there twice, in two formats or folders, the first path in order is taken.
    """
    paths: dict[str, str] = {}
    for file in sorted(files):
        path = PurePosixPath(file)
        name = _gtzan.song(path.name)
        if name and path.stem == name and path.parent.name == name.partition(".")[0]:
            paths.setdefault(name, file)
    return _gtzan.table(((name, path, name, None) for name, path in paths.items()), metadata)
