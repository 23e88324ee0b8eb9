"""A small library of clips that differ by genre, for tests of what comes after the store."""

import hashlib

import numpy as np
import polars as pl

from soundstage import tracks
from soundstage.params import Split
from soundstage.splits import Parts
from soundstage.store.shards import Rejection, Row

GENRES = ("jig", "reel")
PARTS = ("train", "train", "train", "valid", "test")
LENGTH = 12


def key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def make(n: int = 20) -> tuple[pl.DataFrame, Parts, list[Row], list[Rejection]]:
    """Return tracks, parts, rows of shape (LENGTH,) and rejections: the last track is rejected."""
    rng = np.random.default_rng(0)
    names = [f"{GENRES[i % 2]}.{i:02}" for i in range(n)]
    table = pl.DataFrame(
        {
            "track": names,
            "path": [f"{name}.wav" for name in names],
            "key": [key(name) for name in names],
            "reason": None,
            "genre": [name[:-3] for name in names],
            "tags": [["fiddle", name[:-3]] if i % 3 else [] for i, name in enumerate(names)],
            "group": [f"tune{i // 2}" for i in range(n)],
            "artist": None,
            "album": None,
            "song": None,
            "seconds": None,
            "splits": None,
        },
        tracks.SCHEMA,
    )
    parts = pl.DataFrame({"track": names, "part": [PARTS[i // 2 % len(PARTS)] for i in range(n)]})
    split = Split(name="group", seed=0, valid=0.2, test=0.2, folds=None, fold=0)
    rows = [
        Row(key(name), (rng.standard_normal(LENGTH) + 4 * (i % 2)).astype(np.float32))
        for i, name in enumerate(names[:-1])
    ]
    return (
        table,
        Parts("group", split, parts),
        rows,
        [Rejection(key(names[-1]), "undecodable", "is text")],
    )
