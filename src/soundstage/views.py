"""A view: which rows of the store one model reads, with their labels and parts.

A view names rows by content hash and checksum, never by their place in a shard, so it stays the
same when shards split. One row a segment: a clip's whole array, or one slice of it where the
feature's first axis counts slices. A quarantined clip has one row, with the reason.

track, key, segment (index of the slice, 0 for a whole clip), part, group, reason, checksum, target
(index of the genre, or of each of its tags)

What a loader needs to know besides lies in the file's metadata: `View.about`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

import polars as pl

from soundstage.errors import SoundstageError
from soundstage.files import whole_or_not_at_all
from soundstage.store.read import Feature

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "track": pl.String,
    "key": pl.String,
    "segment": pl.Int32,
    "part": pl.String,
    "group": pl.String,
    "reason": pl.String,
    "checksum": pl.String,
    "target": pl.List(pl.Int32),
}


@dataclass(frozen=True)
class About:
    """What all rows of a view share.

    `input_shape` is the (low) median of the training segments' shapes: the usual one where most
    are alike; a middling one where no two are, as in a folder of whole songs. Others are cut to
    it at their end, or padded there with silence: see `loading.fit`. `code` is the fingerprint of
    the model's code, so that a changed model is a changed view. `empty` says why a model cannot
    have this data set, and is "" where it can.
    """

    model: str
    input: str
    target: str
    classes: Sequence[str]
    input_shape: Sequence[int]
    code: str
    empty: str = ""

    @property
    def multilabel(self) -> bool:
        """Whether a segment has any number of classes, not just one."""
        return self.target == "tags"


@dataclass(frozen=True)
class View:
    """The rows that one model reads."""

    about: About
    rows: pl.DataFrame

    def part(self, name: str) -> pl.DataFrame:
        """Return the readable rows of one part, in order of track and segment."""
        return self.rows.filter(pl.col("reason").is_null(), part=name)


def classes(tracks: pl.DataFrame, target: str) -> list[str]:
    """Return the sorted genres, or tags, of a table of tracks."""
    column = tracks["genre"] if target == "genre" else tracks["tags"].explode()
    return column.drop_nulls().unique().sort().to_list()


def labelled(tracks: pl.DataFrame, target: str) -> pl.DataFrame:
    """Return the tracks that have a genre, or tags."""
    return tracks.filter(pl.col(target).is_not_null())


def build(
    tracks: pl.DataFrame,
    parts: pl.DataFrame,
    feature: Feature,
    *,
    model: str,
    target: str,
    code: str,
) -> View:
    """List the segments of a feature that a model reads.

    Raises
    ------
    SoundstageError
        The store neither holds a track nor says why not.
    """
    names = classes(tracks, target)
    about = About(model, feature.index["name"], target, names, (), code)
    if len(names) < 2:
        return _nothing(about, f"the data set has no {target} to tell apart")
    number = {name: i for i, name in enumerate(names)}
    sliced = feature.index["axes"][0] == "slice"
    found = []
    shapes: Counter[tuple[int, ...]] = Counter()
    known = labelled(tracks, target).join(parts, on="track").sort("track")
    for row in known.iter_rows(named=True):
        labels = [row["genre"]] if target == "genre" else row["tags"]
        common = {
            "track": row["track"],
            "key": row["key"],
            "part": row["part"],
            "group": row["group"],
            "target": sorted(number[label] for label in labels),
        }
        reason, shape, checksum = _look_up(feature, row)
        if reason is None and 0 in shape:
            reason = "too_short"
        if reason is not None:
            found.append(common | {"segment": 0, "reason": reason, "checksum": None})
            continue
        n_segments = shape[0] if sliced else 1
        if row["part"] == "train":
            shapes[shape[1:] if sliced else shape] += n_segments
        found += [
            common | {"segment": i, "reason": None, "checksum": checksum} for i in range(n_segments)
        ]
    if not shapes:
        return _nothing(about, "no training clip can be read")
    # Not the most frequent: of a folder of whole songs, two that chance to be alike would decide.
    input_shape = median_low(shapes.elements())
    about = About(**asdict(about) | {"input_shape": input_shape})
    return View(about, pl.DataFrame(found, SCHEMA))


def _nothing(about: About, why: str) -> View:
    return View(About(**asdict(about) | {"empty": why}), pl.DataFrame(schema=SCHEMA))


def _look_up(
    feature: Feature, track: Mapping[str, Any]
) -> tuple[str | None, tuple[int, ...], str | None]:
    """Return why a track cannot be read (or None), its row's shape and its checksum."""
    if track["reason"] is not None:
        return track["reason"], (), None
    key = track["key"]
    shard = feature.shard_of(key)
    if key in shard.rejections:
        return shard.rejections[key].reason, (), None
    if key not in shard:
        raise SoundstageError(
            f"{track['track']}: not in the store's {feature.index['name']}; run `dvc repro`"
        )
    i = shard.position(key)
    return None, shard.shapes[i], shard.checksums[i]


def write(view: View, path: Path) -> None:
    """Write a view to a Parquet file."""
    with whole_or_not_at_all(path) as temporary:
        about = json.dumps(asdict(view.about), ensure_ascii=False)
        view.rows.write_parquet(temporary, metadata={"soundstage": about})


def read(path: str | Path) -> View:
    """Read a view, e.g. `data/views/svm.parquet`."""
    path = Path(path)
    if not path.exists():
        raise SoundstageError(f"{path}: no such view; run `dvc repro views`")
    about = json.loads(pl.read_parquet_metadata(path)["soundstage"])
    about |= {"input_shape": tuple(about["input_shape"]), "classes": tuple(about["classes"])}
    return View(About(**about), pl.read_parquet(path))
