"""Which clips train, validate and test.

`group` (the default, and the honest one) keeps together what belongs together: the clips of a tune,
of a song, of an artist, whatever the data set calls a group. `random` does not look at groups; it
is here to show what that is worth.

Both are stratified by genre, and stable: a group's place is a hash of its name and the seed, so a
new track moves few others, and none that the shares do not force.
"""

import hashlib
from collections.abc import Callable

import polars as pl

from soundstage.errors import SoundstageError

PARTS = ("train", "valid", "test")


def _rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()


def _assign(tracks: pl.DataFrame, seed: int, valid: float, test: float) -> pl.DataFrame:
    """Deal whole groups of each genre, in the order of their ranks: test first, then valid."""
    units = (
        tracks.group_by("group")
        .agg(genre=pl.col("genre").drop_nulls().mode().sort().first(), clips=pl.len())
        .with_columns(
            pl.col("group")
            .map_elements(lambda name: _rank(seed, name), return_dtype=pl.String)
            .alias("rank")
        )
        .sort("rank")
    )
    # The middle of a group, counted in clips of its genre, says on which side of a border it is.
    clips = pl.col("clips")
    middle = (clips.cum_sum() - clips / 2).over("genre") / clips.sum().over("genre")
    part = (
        pl.when(middle < test)
        .then(pl.lit("test"))
        .when(middle < test + valid)
        .then(pl.lit("valid"))
        .otherwise(pl.lit("train"))
    )
    return tracks.join(units.with_columns(part=part).select("group", "part"), on="group")


def group(tracks: pl.DataFrame, *, seed: int, valid: float, test: float) -> pl.DataFrame:
    """Split by group: no group has clips in two parts."""
    return _assign(tracks, seed, valid, test)


def random(tracks: pl.DataFrame, *, seed: int, valid: float, test: float) -> pl.DataFrame:
    """Split clip by clip: clips of one group may train and test."""
    return _assign(tracks.with_columns(group=pl.col("track")), seed, valid, test)


SPLITS: dict[str, Callable[..., pl.DataFrame]] = {"group": group, "random": random}


def split(tracks: pl.DataFrame, name: str, *, seed: int, valid: float, test: float) -> pl.DataFrame:
    """Deal tracks to the parts.

    Parameters
    ----------
    tracks: see `tracks.SCHEMA`; valid, test: shares of the clips of each genre.

    Returns
    -------
    track, part (`train`, `valid` or `test`), sorted by track.

    Raises
    ------
    SoundstageError
        A part would be empty.
    """
    parts = SPLITS[name](tracks, seed=seed, valid=valid, test=test).select("track", "part")
    empty = sorted(set(PARTS) - set(parts["part"]))
    if empty:
        raise SoundstageError(
            f"split {name!r} leaves no clips for {' and '.join(empty)}: "
            "raise split.valid or split.test, or add music"
        )
    return parts.sort("track")
