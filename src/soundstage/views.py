"""A view: which rows of the store one model reads, with their labels and parts.

A view names rows by content hash and checksum, never by their place in a shard, so it stays the
same when shards split. One row a segment: a clip's whole array; a piece of it where the model cuts
its input; one slice of it where the feature's first axis counts slices. Where that axis counts
copies of the clip (pitch-shifted, noisy), training reads all of them, validation and test only the
first, the clip as it is. A quarantined clip has one row, with the reason.

track, key, copy (0 for the clip as it is), segment (0 for a whole clip), part, group, reason,
checksum, target (index of the genre, or of each of its tags)

What a loader needs to know besides lies in the file's metadata: `View.about`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median_low
from typing import Any

import polars as pl

from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
from soundstage.params import Segment
from soundstage.splits import BY_SEGMENT, PARTS, Parts
from soundstage.store.read import Feature
from soundstage.tracks import target_of

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "track": pl.String,
    "key": pl.String,
    "copy": pl.Int32,
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
    it at their end, or padded there with silence: see `loading.fit`. `segment_length` is the length
    of the pieces along the last axis into which the model cuts a clip, 0 where it does not. `code`
    is the fingerprint of the model's code, so that a changed model is a changed view. `empty` says
    why a model cannot have this data set, and is "" where it can.
    """

    model: str
    input: str
    target: str
    classes: Sequence[str]
    input_shape: Sequence[int]
    code: str
    segment_length: int = 0
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
        """Return the readable rows of one part, in order of track, copy and segment."""
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
    parts: Parts,
    feature: Feature,
    *,
    model: str,
    target: str,
    code: str,
    segment: Segment | None = None,
) -> View:
    """List the segments of a feature that a model reads.

    Parameters
    ----------
    target: `genre`, `tags` or `auto`, see `tracks.target_of`; segment: how the model cuts a clip.
    A clip shorter than half a segment is too short.

    Raises
    ------
    SoundstageError
        The store neither holds a track nor says why not.
    """
    target = target_of(tracks, target)
    names = classes(tracks, target)
    length = segment.length if segment else 0
    about = About(model, feature.index["name"], target, names, (), code, length)
    if len(names) < 2:
        return _nothing(about, f"the data set has no {target} to tell apart")
    if not len(feature):
        return _nothing(about, f"the data set has no {about.input}")
    first_axis = feature.index["axes"][0]
    if segment and first_axis == "slice":
        raise SoundstageError(f"{model}: {about.input} is cut into slices; remove its `segment`")
    number = {name: i for i, name in enumerate(names)}
    found = []
    shapes: Counter[tuple[int, ...]] = Counter()
    known = labelled(tracks, target).join(parts.table, on="track").sort("track", "part")
    for row in known.iter_rows(named=True):
        labels = [row["genre"]] if target == "genre" else row["tags"]
        common = {
            "track": row["track"],
            "key": row["key"],
            "group": row["group"],
            "target": sorted(number[label] for label in labels),
        }
        reason, shape, checksum = _look_up(feature, row)
        copies, segments, shape = _cut(shape, first_axis, segment)
        if reason is None and (0 in shape or not segments):
            reason = "too_short"
        if reason is not None:
            said = PARTS if row["part"] == BY_SEGMENT else [row["part"]]
            empty = {"copy": 0, "segment": 0, "reason": reason, "checksum": None}
            found += [common | empty | {"part": part} for part in said]
            continue
        dealt = [row["part"]] * segments
        if row["part"] == BY_SEGMENT:
            dealt = parts.of_segments(row["track"], segments)
        for i, part in enumerate(dealt):
            seen = range(copies if part == "train" else 1)
            shapes[shape] += len(seen) if part == "train" else 0
            one = {"segment": i, "part": part, "reason": None, "checksum": checksum}
            found += [common | one | {"copy": copy} for copy in seen]
    rows = pl.DataFrame(found, SCHEMA).sort("track", "part", "copy", "segment")
    if not shapes.total():
        return _nothing(about, "no training clip can be read, or all are too short")
    # Not the most frequent: of a folder of whole songs, two that chance to be alike would decide.
    input_shape = median_low(shapes.elements())
    return View(replace(about, input_shape=input_shape), rows)


def _cut(
    shape: tuple[int, ...], first_axis: str, segment: Segment | None
) -> tuple[int, int, tuple[int, ...]]:
    """Return how many copies of how many segments a clip's array has, and the shape of one."""
    copies = segments = 1
    if first_axis == "copy" and shape:
        copies, shape = shape[0], shape[1:]
    elif first_axis == "slice":
        segments, shape = (shape[0], shape[1:]) if shape else (0, ())
    if segment and shape:
        n = shape[-1]
        segments = n // segment.length or int(2 * n >= segment.length)
        segments = min(segments, segment.count or segments)
        shape = (*shape[:-1], segment.length)
    return copies, segments, shape


def _nothing(about: About, why: str) -> View:
    return View(replace(about, empty=why), pl.DataFrame(schema=SCHEMA))


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
    about = json.dumps(asdict(view.about), ensure_ascii=False)
    write_parquet(path, view.rows, {"soundstage": about})


def read(path: str | Path) -> View:
    """Read a view, e.g. `data/views/svm.parquet`."""
    path = Path(path)
    if not path.exists():
        raise SoundstageError(f"{path}: no such view; run `dvc repro views@{path.stem}`")
    about = json.loads(pl.read_parquet_metadata(path)["soundstage"])
    about |= {"input_shape": tuple(about["input_shape"]), "classes": tuple(about["classes"])}
    return View(About(**about), pl.read_parquet(path))
