"""Which labels each part of a split has: a part that lacks one scores less than it seems to."""

from collections.abc import Sequence

import polars as pl

from soundstage import diagnostics
from soundstage.diagnostics import Finding
from soundstage.errors import SoundstageError
from soundstage.params import Split
from soundstage.splits import BY_SEGMENT, PARTS, Parts, official
from soundstage.tracks import target_of

RARE = 3  # clips of a label in training: with fewer nothing can be held out to calibrate on


def lacking(rows: pl.DataFrame, labels: Sequence[str]) -> list[Finding]:
    """Name the labels that some part lacks (`missing_class`) or training hardly has (`rare_class`).

    Parameters
    ----------
    rows: track, group, part and labels, the track's own as a list; one row a track and part.
    labels: all that there are.
    """
    dealt = pl.col("part").replace_strict(
        {BY_SEGMENT: list(PARTS)}, default=pl.concat_list("part"), return_dtype=pl.List(pl.String)
    )
    rows = rows.with_columns(part=dealt).explode("part").explode("labels")
    parts = [part for part in PARTS if part in set(rows["part"])]
    counted = rows.group_by("labels", "part").agg(pl.col("track").n_unique())
    clips = {(label, part): n for label, part, n in counted.iter_rows()}
    of_label = rows.group_by("labels").agg(pl.col("track", "group").n_unique())
    totals = {label: (n, groups) for label, n, groups in of_label.iter_rows()}
    found = []
    for label in labels:
        absent = [part for part in parts if not clips.get((label, part))]
        n, groups = totals.get(label, (0, 0))
        if absent:
            said = f"not in {' and '.join(absent)}; clips: {n}, groups: {groups}"
            found.append(Finding(label, "missing_class", said))
        elif clips[label, "train"] < RARE:
            found.append(Finding(label, "rare_class", f"{clips[label, 'train']} in training"))
    return found


def findings(tracks: pl.DataFrame, parts: Parts, target: str) -> pl.DataFrame:
    """Return what `lacking` finds in a split of tracks, as a table of `diagnostics.SCHEMA`.

    Parameters
    ----------
    tracks: see `tracks.SCHEMA`; target: `genre`, `tags` or `auto`, see `tracks.target_of`.
    """
    told = target_of(tracks, target)
    column = pl.col("tags") if told == "tags" else pl.concat_list("genre").list.drop_nulls()
    rows = tracks.select("track", "group", labels=column).join(parts.table, on="track")
    labels = rows["labels"].explode().drop_nulls().unique().sort().to_list()
    stated = set(official(tracks).filter(split=parts.name)["part"])
    dealt = [Finding(part, "dealt_part") for part in PARTS if stated and part not in stated]
    return diagnostics.table([*dealt, *lacking(rows, labels)])


def check(found: pl.DataFrame, split: Split) -> None:
    """Raise SoundstageError where a part lacks a class and `split.missing_class` is `refuse`."""
    missing = found.filter(code="missing_class")
    if len(missing) and split.missing_class == "refuse":
        raise SoundstageError(
            "\n".join([*diagnostics.lines(missing), "or set split.missing_class to `warn`"])
        )


def lines(parts: Parts, found: pl.DataFrame) -> list[str]:
    """Return for people how many tracks each part has, and what was found."""
    counted = dict(parts.table["part"].value_counts().iter_rows())
    said = ", ".join(f"{part} {counted[part]}" for part in (*PARTS, BY_SEGMENT) if part in counted)
    return [f"split {parts.name}: {said} tracks", *diagnostics.lines(found)]
