"""The leakage audit: what validation and test share with training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from soundstage import diagnostics
from soundstage.diagnostics import Finding
from soundstage.splits import BY_SEGMENT, PARTS
from soundstage.tracks import target_of

# What may be shared, and the column that tells: audio is the checksum of the decoded samples,
# near_audio the number of a group of near-duplicates.
SHARED = {
    "group": "group",
    "song": "song",
    "album": "album",
    "artist": "artist",
    "file": "key",
    "audio": "audio",
    "near_audio": "near_audio",
}


def audit(
    tracks: pl.DataFrame,
    parts: pl.DataFrame,
    checksums: Mapping[str, str],
    recordings: Mapping[str, int],
    target: str = "auto",
) -> dict[str, Any]:
    """Count the clips of each part that share something with training, and the shift of labels.

    Parameters
    ----------
    tracks: see `tracks.SCHEMA`; parts: the table of `splits.Parts`; checksums: content hash ->
    checksum of the decoded samples, for files that could be decoded; recordings: content hash ->
    number of what is the same recording, see `near_duplicates.groups`; target: whose shares are
    compared, `genre` or `tags`, see `tracks.target_of`.

    Returns
    -------
    left_out       clips that are in no part
    by_segment     clips whose segments are dealt over all parts; they count in each of them, and so
                   as shared with themselves in every respect
    train          {"clips": n}
    valid, test    {"clips": n, "shares": {"song": n, ...}, "label_shift": d, "most_shifted": label,
                   "most_shifted_by": d}

    What the data set does not know (a column of nulls) is left out. `label_shift` is the total
    variation distance between the part's and training's distribution of labels, 0 to 1;
    `most_shifted` the label whose share of the clips changes most, and by how much. A part
    without labelled clips has none of these.
    """
    table = _dealt(tracks, parts).with_columns(
        audio=pl.col("key").replace_strict(checksums, default=None, return_dtype=pl.String),
        near_audio=pl.col("key").replace_strict(recordings, default=None, return_dtype=pl.Int64),
    )
    train, told = table.filter(part="train"), target_of(tracks, target)
    known = {what: column for what, column in SHARED.items() if table[column].count()}
    report: dict[str, Any] = {
        "left_out": len(tracks.join(parts, on="track", how="anti")),
        "by_segment": len(parts.filter(part=BY_SEGMENT)),
        "train": {"clips": len(train)},
    }
    for part in PARTS[1:]:
        rows = table.filter(part=part)
        shares = {
            what: int(rows[column].drop_nulls().is_in(train[column].drop_nulls().implode()).sum())
            for what, column in known.items()
        }
        report[part] = {
            "clips": len(rows),
            "shares": shares,
            **_shift(train[told], rows[told]),
        }
    return report


def _dealt(tracks: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Join tracks with their parts, a row each: all three where segments are dealt one by one."""
    named = pl.col("part").replace_strict(
        {BY_SEGMENT: list(PARTS)}, default=pl.concat_list("part"), return_dtype=pl.List(pl.String)
    )
    return tracks.join(parts.with_columns(part=named).explode("part"), on="track")


def _shift(train: pl.Series, part: pl.Series) -> dict[str, Any]:
    before, after = _labels(train), _labels(part)
    if not len(before) or not len(after):
        return {}
    both = before.join(after, on="label", how="full", coalesce=True).fill_null(0).sort("label")
    parts = [both[count] / both[count].sum() for count in ("count", "count_right")]
    changes = (both["share_right"] - both["share"]).to_numpy()
    most = int(np.abs(changes).argmax())
    return {
        "label_shift": round((parts[1] - parts[0]).abs().sum() / 2, 6),
        "most_shifted": both["label"][most],
        "most_shifted_by": round(float(changes[most]), 6),
    }


def _labels(labels: pl.Series) -> pl.DataFrame:
    """Return how many clips have each label, and what share of all labelled clips these are."""
    known = labels.drop_nulls()
    each = known.explode().drop_nulls() if known.dtype == pl.List else known
    return each.rename("label").value_counts().with_columns(share=pl.col("count") / len(known))


def crossing(tracks: pl.DataFrame, parts: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Name the near-duplicates of which one trains and the other validates or tests.

    Parameters
    ----------
    tracks, parts: as `audit` takes them; pairs: see `near_duplicates.find`.

    Returns
    -------
    track, part, training (the track that trains), share (of landmarks), seconds (how much later
    `track` has what `training` has), the surest first. A pair whose tracks validate and test is
    named twice; what is left out of the split not at all.
    """
    turned = pairs.with_columns(a="b", b="a", seconds=-pl.col("seconds"))
    dealt = _dealt(tracks, parts).select("track", "part", "key")
    train = dealt.filter(part="train").select("key", training="track")
    others = dealt.filter(pl.col("part") != "train")
    return (
        pl.concat([pairs, turned])
        .join(train, left_on="a", right_on="key")
        .join(others, left_on="b", right_on="key")
        .sort("share", "track", "part", "training", descending=[True, False, False, False])
        .select("track", "part", "training", "share", "seconds")
    )


def two_labels(tracks: pl.DataFrame, recordings: Mapping[str, int]) -> pl.DataFrame:
    """Name the tracks that are one recording under two genres: `two_labels` of `diagnostics`.

    Parameters
    ----------
    tracks: see `tracks.SCHEMA`; recordings: as `audit` takes them.

    Returns
    -------
    A table of `diagnostics.SCHEMA`: of each family of equal or nearly equal recordings, a row for
    each track of another genre than the first one's, beside that one.
    """
    recording = pl.col("key").replace_strict(recordings, default=None, return_dtype=pl.Int64)
    known = tracks.with_columns(recording=recording).drop_nulls(["recording", "genre"])
    first = known.sort("path").unique("recording", keep="first", maintain_order=True)
    pairs = known.join(first.select("recording", "path", "genre"), on="recording").filter(
        pl.col("genre") != pl.col("genre_right")
    )
    columns = ("path", "genre", "path_right", "genre_right")
    return diagnostics.table(
        Finding(path, "two_labels", f"{genre}, and {other} is {its_genre}")
        for path, genre, other, its_genre in pairs.select(columns).iter_rows()
    )


def leaking(report: Mapping[str, Any]) -> dict[str, int]:
    """Return what of a leakage report touches the scores: code of `diagnostics.WARNINGS` -> count.

    Parameters
    ----------
    report: what `audit` returns, with the count `two_labels`.
    """
    counted = {
        "shared_artist": report["test"].get("shares", {}).get("artist", 0),
        "two_labels": report["two_labels"],
    }
    return {code: n for code, n in counted.items() if n}


def lines(report: Mapping[str, Any], crossing: pl.DataFrame, *, at_most: int = 5) -> list[str]:
    """Return the audit for people: a small table, then what it cannot say, with examples."""
    return [*_table(report), *_notes(report), *_examples(crossing, at_most)]


def _table(report: Mapping[str, Any]) -> list[str]:
    columns = list(report["test"]["shares"])
    heads = [f"same {what}".replace("same near_", "near ") for what in columns]
    rows = [["part", "clips", *heads, "label shift"]]
    for part in PARTS:
        found = report[part]
        shares = found.get("shares", {})
        shift = found.get("label_shift")
        rows.append(
            [part, str(found["clips"])]
            + [str(shares.get(what, "")) for what in columns]
            + ["" if shift is None else f"{shift:.3f}"]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]


def _notes(report: Mapping[str, Any]) -> list[str]:
    notes = [
        f"{part}: of all labels {found['most_shifted']} shifts most, "
        f"by {100 * found['most_shifted_by']:+.1f} percentage points of the clips"
        for part, found in ((part, report[part]) for part in PARTS)
        if found.get("most_shifted_by")
    ]
    if report["left_out"]:
        notes.append(f"{report['left_out']} clips are in no part of the split")
    if report["by_segment"]:
        notes.append(
            f"the segments of {report['by_segment']} clips are dealt over all parts: "
            "every one of these is tested on songs, even recordings, that it trains on"
        )
    return notes


def _examples(crossing: pl.DataFrame, at_most: int) -> list[str]:
    if not len(crossing):
        return []
    named = [
        f"  {track} ({part}) is near {training} (train): {100 * share:.0f} % of their landmarks, "
        f"{abs(seconds):.1f} s {'later' if seconds >= 0 else 'earlier'}"
        for track, part, training, share, seconds in crossing.head(at_most).iter_rows()
    ]
    return [f"near-duplicates of training, {len(named)} of {len(crossing)}:", *named]
