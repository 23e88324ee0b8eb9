"""The leakage audit: what validation and test share with training."""

from collections.abc import Mapping
from typing import Any

import polars as pl

# What may be shared, and the column that tells: audio is the checksum of the decoded samples.
SHARED = {
    "group": "group",
    "song": "song",
    "album": "album",
    "artist": "artist",
    "file": "key",
    "audio": "audio",
}


def audit(
    tracks: pl.DataFrame, parts: pl.DataFrame, checksums: Mapping[str, str]
) -> dict[str, Any]:
    """Count the clips of each part that share something with training, and the shift of labels.

    Parameters
    ----------
    tracks: see `tracks.SCHEMA`; parts: see `splits.split`; checksums: content hash -> checksum of
    the decoded samples, for files that could be decoded.

    Returns
    -------
    part -> {"clips": n, "shares": {"song": n, ...}, "label_shift": d}. What the data set does not
    know (a column of nulls) is left out. `label_shift` is the total variation distance between
    the part's and training's distribution of genres (of tags, where there are no genres), 0 to 1.
    """
    table = tracks.join(parts, on="track").with_columns(
        audio=pl.col("key").replace_strict(checksums, default=None, return_dtype=pl.String)
    )
    train = table.filter(part="train")
    known = {what: column for what, column in SHARED.items() if table[column].count()}
    report: dict[str, Any] = {"train": {"clips": len(train)}}
    for part in ("valid", "test"):
        rows = table.filter(part=part)
        shares = {
            what: int(rows[column].drop_nulls().is_in(train[column].drop_nulls().unique()).sum())
            for what, column in known.items()
        }
        report[part] = {
            "clips": len(rows),
            "shares": shares,
            "label_shift": round(_shift(_labels(train), _labels(rows)), 6),
        }
    return report


def _labels(table: pl.DataFrame) -> pl.Series:
    if table["genre"].count():
        return table["genre"].drop_nulls()
    return table["tags"].explode().drop_nulls()


def _shift(a: pl.Series, b: pl.Series) -> float:
    shares = [dict(s.value_counts(normalize=True).iter_rows()) for s in (a, b)]
    labels = shares[0].keys() | shares[1].keys()
    return sum(abs(shares[0].get(label, 0) - shares[1].get(label, 0)) for label in labels) / 2


def lines(report: Mapping[str, Any]) -> list[str]:
    """Return the audit as a small table for people."""
    columns = list(report["test"]["shares"])
    rows = [["part", "clips", *(f"same {what}" for what in columns), "label shift"]]
    for part, found in report.items():
        shares = found.get("shares", {})
        shift = found.get("label_shift")
        rows.append(
            [part, str(found["clips"])]
            + [str(shares.get(what, "")) for what in columns]
            + ["" if shift is None else f"{shift:.3f}"]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
