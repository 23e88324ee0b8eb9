"""A view: which rows of the store one model reads, with their labels and parts.

A view names rows by content hash and checksum, never by their place in a shard, so it stays the
same when shards split. One row a segment: a clip's whole array; a piece of it where clips are cut;
one slice of it where the feature's first axis counts slices. Where that axis counts copies of the
clip (pitch-shifted, noisy), training reads all of them, validation and test only the first, the
clip as it is. A quarantined clip has one row, with the reason.

track, key, copy (0 for the clip as it is), segment (a slice's own number; else they are counted in
each clip), start (the segment's first step along the last axis), part, group, reason, checksum,
target (index of the genre, or of each of its tags)

Rows are in the order of track, part, copy and segment; of the split `sklearn_rows` those of a part
come in the order in which they are drawn, by which some classic models train otherwise.

What a loader needs to know besides lies in the file's metadata: `View.about`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import islice
from pathlib import Path
from statistics import median_low
from typing import Any, NamedTuple

import polars as pl

from soundstage import cuts, hearing, untrusted_parquet
from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
from soundstage.params import Cut, Segment
from soundstage.splits import BY_SEGMENT, PARTS, SKLEARN_ROWS, Parts
from soundstage.store.read import Feature
from soundstage.tracks import target_of

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "track": pl.String,
    "key": pl.String,
    "copy": pl.Int32,
    "segment": pl.Int32,
    "start": pl.Int64,
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
    have this data set, and is "" where it can. `cut` says into what pieces clips are cut where the
    data, not the model's `segment`, ask for it, and is "" elsewhere.

    `clips`: tracks in the view, each counted once. `heard`: part -> the share of the audio of its
    clips, as far as that can be read, that lies in any of their segments; between 0 and 1, and
    left out for a part without readable audio. Of a clip that is dealt by segment, those of all
    parts count. `warnings`: code of `diagnostics.WARNINGS` -> of how many clips that is to be said,
    see `hearing.CODES`; codes without any are left out.
    """

    model: str
    input: str
    target: str
    classes: Sequence[str]
    input_shape: Sequence[int]
    code: str
    empty: str = ""
    cut: str = ""
    clips: int = 0
    heard: Mapping[str, float] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)

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
        """Return the readable rows of one part, in their order in the view."""
        return self.rows.filter(pl.col("reason").is_null(), part=name)


def classes(tracks: pl.DataFrame, target: str) -> list[str]:
    """Return the sorted genres, or tags, of a table of tracks."""
    column = tracks["genre"] if target == "genre" else tracks["tags"].explode()
    return column.drop_nulls().unique().sort().to_list()


def labelled(tracks: pl.DataFrame, target: str) -> pl.DataFrame:
    """Return the tracks that have a genre, or tags."""
    return tracks.filter(pl.col(target).is_not_null())


class _Clip(NamedTuple):
    """A track of one part: what its rows share, and its array's shape or why there is none."""

    common: dict[str, Any]
    part: str
    reason: str | None
    shape: tuple[int, ...]
    checksum: str | None

    @property
    def parts(self) -> Sequence[str]:
        """All parts that it may have segments in."""
        return PARTS if self.part == BY_SEGMENT else (self.part,)


def build(
    tracks: pl.DataFrame,
    parts: Parts,
    feature: Feature,
    *,
    model: str,
    target: str,
    code: str,
    segment: Segment | None = None,
    cut: Cut | None = None,
) -> View:
    """List the segments of a feature that a model reads.

    Parameters
    ----------
    target: `genre`, `tags` or `auto`, see `tracks.target_of`; segment: how the model cuts a clip;
    cut: how long or uneven clips are cut where it does not, None: not at all. A clip shorter than
    half a piece is too short.

    Raises
    ------
    SoundstageError
        The store neither holds a track nor says why not, or `segment` does not suit the feature.
    """
    target = target_of(tracks, target)
    names = classes(tracks, target)
    about = About(model, feature.index["name"], target, names, (), code)
    if len(names) < 2:
        return _nothing(about, f"the data set has no {target} to tell apart")
    if not len(feature):
        return _nothing(about, f"the data set has no {about.input}")
    clips = _clips(labelled(tracks, target).join(parts.table, on="track"), feature, target, names)
    pieces, said = _pieces(model, feature.index, clips, segment, cut)
    first_axis = feature.index["axes"][0]
    whole, found = [], []
    shapes: Counter[tuple[int, ...]] = Counter()
    for clip in clips:
        copies, segments, shape = cuts.segments(clip.shape, first_axis, pieces)
        reason = clip.reason
        if reason is None and (0 in shape or not segments):
            reason = "too_short"
        if reason is not None:
            empty = {"copy": 0, "segment": 0, "start": 0, "reason": reason, "checksum": None}
            found += [clip.common | empty | {"part": part, "place": 0} for part in clip.parts]
            continue
        whole.append((clip, copies, segments, shape))
    dealt = _dealt(parts, [(clip, segments) for clip, _, segments, _ in whole])
    for (clip, copies, segments, shape), places in zip(whole, dealt, strict=True):
        for (number, start), (part, place) in zip(segments, places, strict=True):
            seen = range(copies if part == "train" else 1)
            shapes[shape] += len(seen) if part == "train" else 0
            one = {"segment": number, "start": start, "part": part, "place": place}
            one |= {"reason": None, "checksum": clip.checksum}
            found += [clip.common | one | {"copy": copy} for copy in seen]
    rows = pl.DataFrame(found, {"place": pl.Int64, **SCHEMA})
    rows = rows.sort("place", "track", "part", "copy", "segment").drop("place")
    if not shapes.total():
        return _nothing(about, "no training clip can be read, or all are too short")
    # Not the most frequent: of a folder of whole songs, two that chance to be alike would decide.
    input_shape = median_low(shapes.elements())
    hears = [
        (clip.common["track"], part, clip.reason, clip.shape)
        for clip in clips
        for part in clip.parts
    ]
    about = replace(about, input_shape=input_shape, cut=said)
    about = replace(about, **hearing.summed_up(hears, first_axis, pieces, input_shape))
    return View(about, rows)


def _clips(known: pl.DataFrame, feature: Feature, target: str, names: Sequence[str]) -> list[_Clip]:
    """Look up labelled tracks in the store, in order of track and part."""
    number = {name: i for i, name in enumerate(names)}
    clips = []
    for row in known.sort("track", "part").iter_rows(named=True):
        labels = [row["genre"]] if target == "genre" else row["tags"]
        common = {
            "track": row["track"],
            "key": row["key"],
            "group": row["group"],
            "target": sorted(number[label] for label in labels),
        }
        clips.append(_Clip(common, row["part"], *_look_up(feature, row)))
    return clips


def _pieces(
    model: str,
    index: Mapping[str, Any],
    clips: Sequence[_Clip],
    segment: Segment | None,
    cut: Cut | None,
) -> tuple[cuts.Pieces | None, str]:
    """Return how clips are cut, None: not at all, and a sentence where the data ask for it."""
    if segment:
        return cuts.pieces(model, segment, index), ""
    if index["axes"][0] == "slice":
        return cuts.EACH_SLICE, ""
    if not cut:
        return None, ""
    lengths = [(clip.part, clip.shape[-1]) for clip in clips if clip.reason is None]
    training = [n for part, n in lengths if part in ("train", BY_SEGMENT)]
    return cuts.by_default(model, index, training, [n for _, n in lengths], cut)


def _dealt(
    parts: Parts, clips: Sequence[tuple[_Clip, Sequence[tuple[int, int]]]]
) -> list[list[tuple[str, int]]]:
    """Return, of each clip and its segments, the part of each, and its place among that part's.

    The place is 0 where segments keep the order of their clips.
    """
    if parts.name == SKLEARN_ROWS and clips:
        rows = iter(parts.of_rows(sum(len(segments) for _, segments in clips)))
        return [list(islice(rows, len(segments))) for _, segments in clips]
    return [[(part, 0) for part in _parts_of(clip, parts, segments)] for clip, segments in clips]


def _parts_of(clip: _Clip, parts: Parts, segments: Sequence[tuple[int, int]]) -> list[str]:
    if clip.part != BY_SEGMENT:
        return [clip.part] * len(segments)
    dealt = parts.of_segments(clip.common["track"], segments[-1][0] + 1)
    return [dealt[number] for number, _ in segments]


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


def lines(view: View) -> list[str]:
    """Return what is to be said of a view: its size, and what the model does not hear."""
    about = view.about
    if about.empty:
        return [f"{about.model}: {about.empty}"]
    size = len(view.rows.filter(pl.col("reason").is_null()))
    said = hearing.said(about.clips, about.heard, about.warnings)
    of = f"{about.model}: {size} segments of {about.input}{said}"
    return [line for line in (about.cut, of) if line]


def write(view: View, path: Path) -> None:
    """Write a view to a Parquet file."""
    about = json.dumps(asdict(view.about), ensure_ascii=False)
    write_parquet(path, view.rows, {"soundstage": about})


def read(path: str | Path) -> View:
    """Read a view, e.g. `data/views/svm.parquet`."""
    path = Path(path)
    if not path.exists():
        raise SoundstageError(f"{path}: no such view; run `dvc repro views@{path.stem}`")
    rows, about = untrusted_parquet.read_described(path, f"run `dvc repro views@{path.stem}`")
    if rows.schema != SCHEMA or about.keys() != {f.name for f in fields(About)}:
        raise SoundstageError(
            f"{path}: written by another version of soundstage; run `dvc repro views@{path.stem}`"
        )
    about |= {"input_shape": tuple(about["input_shape"]), "classes": tuple(about["classes"])}
    return View(About(**about), rows)
