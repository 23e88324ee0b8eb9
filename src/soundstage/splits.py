"""Which clips train, validate and test.

`honest` is the split that a data set is to be scored on: an official one where there is one, else
`group`. What it keeps apart differs: MagnaTagATune's official folders share artists but no song,
and `artist` is the twin that shares none. Besides the splits that a data set brings with it, there
are for every one

group, artist, album, song   whole groups, artists ...: what belongs together stays together
random         clip by clip: what is that worth?
holdout        clip by clip, and the test clips validate too, as in papers without a third part
tail           the last clips in order of their names are held out, and validate too
by_segment     the segments of each clip are dealt over all parts, as in papers that cut songs into
               pieces before they split
sklearn_rows   the same by scikit-learn's `train_test_split`, as the notebook behind paper 004 has
               it: all segments are rows of one table, in the order of their clips, and a part's
               rows come in the order in which they are drawn

The last two leak: most test clips have other segments in training. Scores say so (`torn_clip`).

They deal the clips that have a genre or a tag, so those that a data set's own split leaves out for
want of a tag are not dealt here either; with `clips: all`, they deal these too.

The first five are stratified by genre, and stable: a unit's place is a hash of its name and the
seed, so a new track moves few others, and none that the shares do not force. Where a part would
lack a label, as few clips as possible move so that every label is in every part, see `placing`.
With `folds` these splits are cross-validation: fold `fold` tests, the next one validates.

`given` are the parts that a table or the names of folders state; where it is known, `honest` means
it. What it leaves out of validation and test is dealt from its training part, by group.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from soundstage import registry, untrusted_parquet
from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
from soundstage.params import Split
from soundstage.placing import place
from soundstage.tracks import target_of

PARTS = ("train", "valid", "test")
GIVEN = "given"  # the split that a user states
# What it is worth that a label is in a part: one that is not trained cannot be told at all.
_WORTH = {"train": 4, "test": 2, "valid": 1}
BY_SEGMENT = "by_segment"  # the part of a track whose segments are dealt one by one
SKLEARN_ROWS = "sklearn_rows"


def _rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()


def _dealt(tracks: pl.DataFrame, unit: str, split: Split) -> pl.DataFrame:
    """Deal the units of each genre, in the order of their ranks: test first, then valid.

    A track whose unit is unknown, as an artist may be, goes with its group.
    """
    if not tracks[unit].count():
        raise SoundstageError(f"split {unit!r}: the data set knows no {unit}; choose another split")
    named = tracks.with_columns(unit=pl.coalesce(unit, "group"), labels=_labels(tracks))
    units = (
        named.group_by("unit")
        .agg(
            genre=pl.col("genre").drop_nulls().mode().sort().first(),
            clips=pl.len(),
            labels=pl.col("labels").list.explode().drop_nulls().unique(),
        )
        .with_columns(
            pl.col("unit")
            .map_elements(lambda name: _rank(split.seed, name), return_dtype=pl.String)
            .alias("rank")
        )
        .sort("rank")
    )
    # The middle of a unit, counted in clips of its genre, says on which side of a border it is.
    clips = pl.col("clips")
    middle = (clips.cum_sum() - clips / 2).over("genre") / clips.sum().over("genre")
    if split.folds:
        units = _placed(units, (middle * split.folds).floor(), dict.fromkeys(range(split.folds), 1))
        tests = pl.col("part") == split.fold
        validates = pl.col("part") == (split.fold + 1) % split.folds
        units = units.with_columns(part=_named(tests, validates))
    else:
        shares = {"train": 1.0, "test": split.test, "valid": split.valid}
        part = _named(middle < split.test, middle < split.test + split.valid)
        units = _placed(units, part, {name: _WORTH[name] for name in shares if shares[name]})
    return named.join(units.select("unit", "part"), on="unit")


def _named(tests: pl.Expr, validates: pl.Expr) -> pl.Expr:
    return (
        pl.when(tests)
        .then(pl.lit("test"))
        .when(validates)
        .then(pl.lit("valid"))
        .otherwise(pl.lit("train"))
    )


def _placed(units: pl.DataFrame, part: pl.Expr, worth: Mapping[Any, float]) -> pl.DataFrame:
    """Put units in parts, then every label in every part where that can be, see `placing.place`."""
    units = units.with_columns(part=part)
    names = list(worth)
    number = {name: i for i, name in enumerate(names)}
    places = place(
        [frozenset(labels) for labels in units["labels"]],
        units["clips"].to_list(),
        [number[name] for name in units["part"]],
        list(worth.values()),
    )
    return units.with_columns(part=pl.Series([names[i] for i in places]))


def _validated_on_test(parts: pl.DataFrame) -> pl.DataFrame:
    """Let the test clips be the validation clips too; those that validated train."""
    merged = parts.with_columns(part=pl.col("part").replace("valid", "train"))
    return pl.concat([merged, merged.filter(part="test").with_columns(part=pl.lit("valid"))])


def _holdout(tracks: pl.DataFrame, split: Split) -> pl.DataFrame:
    return _validated_on_test(_dealt(tracks, "track", split).select("track", "part"))


def _tail(tracks: pl.DataFrame, split: Split) -> pl.DataFrame:
    names = tracks["track"].sort()
    first = len(names) - round(len(names) * split.test)
    return _validated_on_test(
        pl.DataFrame({"track": names}).with_columns(
            part=pl.when(pl.int_range(pl.len()) < first)
            .then(pl.lit("train"))
            .otherwise(pl.lit("test"))
        )
    )


def _by_segment(tracks: pl.DataFrame, _split: Split) -> pl.DataFrame:
    return tracks.select("track", part=pl.lit(BY_SEGMENT))


def _by(unit: str) -> Callable[[pl.DataFrame, Split], pl.DataFrame]:
    return lambda tracks, split: _dealt(tracks, unit, split)


SPLITS: dict[str, Callable[[pl.DataFrame, Split], pl.DataFrame]] = {
    **{unit: _by(unit) for unit in ("group", "artist", "album", "song")},
    "random": _by("track"),
    "holdout": _holdout,
    "tail": _tail,
    BY_SEGMENT: _by_segment,
    SKLEARN_ROWS: _by_segment,
}
_FOLDED = ("group", "artist", "album", "song", "random")


def split(tracks: pl.DataFrame, split: Split, *, honest: str) -> tuple[str, pl.DataFrame]:
    """Deal tracks to the parts.

    Parameters
    ----------
    tracks: see `tracks.SCHEMA`; honest: the name of the data set's own split, which a split that
    its user states comes before.

    Returns
    -------
    The split's name, and track, part (`train`, `valid`, `test` or `by_segment`), sorted. A split
    that a data set brings with it may leave tracks out; a track that validates may test as well.

    Raises
    ------
    SoundstageError
        There is no such split, it cannot be had in folds, or a part would be empty.
    """
    brought = official(tracks)
    if GIVEN in set(brought["split"]):
        honest = GIVEN
    name = honest if split.name == "honest" else split.name
    if split.folds and name not in _FOLDED:
        raise SoundstageError(f"split {name!r}: has no folds; choose from: {', '.join(_FOLDED)}")
    if name in set(brought["split"]):
        parts = brought.filter(split=name)
        if name == GIVEN:
            parts = _completed(parts, tracks, split)
    elif name in SPLITS:
        parts = SPLITS[name](tracks if split.clips == "all" else _labelled(tracks), split)
    elif name == honest:
        raise SoundstageError(
            f"split {name!r}, the data set's own, is not known: the files that list it are "
            "missing, see what the stage fetch said of them; or choose split.name=group"
        )
    else:
        choices = {"honest", *SPLITS, *brought["split"]}
        raise SoundstageError(f"split: no {name!r}; {registry.nearest(name, choices)}")
    parts = parts.select("track", "part").unique().sort("track", "part")
    by_segment = name in (BY_SEGMENT, SKLEARN_ROWS)
    empty = [] if by_segment else sorted(set(PARTS) - set(parts["part"]))
    if empty:
        raise SoundstageError(
            f"split {name!r} leaves no clips for {' and '.join(empty)}: add music, or "
            + ("lower split.folds" if split.folds else "raise split.valid or split.test")
        )
    return name, parts


def _completed(parts: pl.DataFrame, tracks: pl.DataFrame, split: Split) -> pl.DataFrame:
    """Deal what `given` leaves out, validation or test or both, from its training part by group."""
    there = set(parts["part"])
    missing = {name: 0.0 for name in ("valid", "test") if name in there}
    if len(missing) == 2 or "train" not in there:
        return parts
    train = tracks.join(parts.filter(part="train"), on="track", how="semi")
    dealt = _dealt(_labelled(train), "group", split.model_copy(update=missing))
    others = parts.filter(pl.col("part") != "train").select("track", "part")
    return pl.concat([others, dealt.select("track", "part")])


def _labels(tracks: pl.DataFrame) -> pl.Series:
    """Return each track's labels as a list: its genre, or its tags where no track has a genre."""
    if target_of(tracks, "auto") == "tags":
        return tracks["tags"]
    return tracks.select(pl.concat_list("genre").list.drop_nulls())["genre"]


def _labelled(tracks: pl.DataFrame) -> pl.DataFrame:
    return tracks.filter(pl.col("genre").is_not_null() | (pl.col("tags").list.len() > 0))


def official(tracks: pl.DataFrame) -> pl.DataFrame:
    """Return track, split and part of the splits that a data set brings with it."""
    entries = tracks.select("track", "splits").explode("splits").drop_nulls("splits")
    return entries.unnest("splits")


@dataclass(frozen=True)
class Parts:
    """Which track is in which part, under the split of which name and parameters."""

    name: str
    split: Split
    table: pl.DataFrame

    def of_segments(self, track: str, n: int) -> list[str]:
        """Return the parts of the `n` segments of a track that is dealt `by_segment`.

        Each segment is dealt on its own, by a hash of the track, its number and the seed.
        """
        shares = [int(_rank(self.split.seed, f"{track}/{i}")[:13], 16) / 16**13 for i in range(n)]
        test, valid = self.split.test, self.split.test + self.split.valid
        return ["test" if s < test else "valid" if s < valid else "train" for s in shares]

    def of_rows(self, n: int) -> list[tuple[str, int]]:
        """Return the part of each of the `n` segments of all clips, and its place in that part.

        `train_test_split` draws the test part, and from the rest, by the same seed, the validation
        part if there is one: so drawn, 9,986 segments are 5,592, 1,398 and 2,996.

        Raises
        ------
        SoundstageError
            Nothing would be left to train or to test on.
        """
        from sklearn.model_selection import train_test_split  # takes time to import

        test, valid = self.split.test, self.split.valid
        drawn: dict[str, np.ndarray] = {"train": np.arange(n)}
        # Of the rest; rounded, since a last digit too much is one row more.
        shares = {"test": test, "valid": round(valid / (1 - test), 12)}
        try:
            for part, share in shares.items():
                if share or part == "test":
                    drawn["train"], drawn[part] = train_test_split(
                        drawn["train"], test_size=share, random_state=self.split.seed
                    )
        except ValueError as error:
            raise SoundstageError(f"split {self.name!r} of {n} segments: {error}") from error
        places = {row: (part, i) for part, rows in drawn.items() for i, row in enumerate(rows)}
        return [places[row] for row in range(n)]


def write(parts: Parts, path: Path) -> None:
    """Write parts to a Parquet file."""
    about: dict[str, Any] = {"name": parts.name, "split": parts.split.model_dump()}
    write_parquet(path, parts.table, {"soundstage": json.dumps(about)})


def read(path: Path) -> Parts:
    """Read parts from a Parquet file."""
    table, about = untrusted_parquet.read_described(path, "run `dvc repro split`")
    try:
        return Parts(about["name"], Split(**about["split"]), table)
    except (KeyError, TypeError, ValueError) as error:
        raise SoundstageError(
            f"{path}: written by another version of soundstage; run `dvc repro split`"
        ) from error
