"""What became of each file of a data set: accepted, perhaps with a warning, or quarantined.

A data set's module may name files that are known to be broken (`FAULTS`: the end of a path -> why).
Such a file, when it is quarantined, is expected and no news.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import polars as pl

from soundstage import audio, diagnostics
from soundstage.diagnostics import REFUSALS, Finding
from soundstage.errors import SoundstageError
from soundstage.store.shards import Rejection
from soundstage.terminal import shown

SCHEMA = {
    "path": pl.String,
    "key": pl.String,
    "reason": pl.String,
    "message": pl.String,
    "expected": pl.Boolean,
}
_SHOWN = 20  # files of one kind; the rest is counted


def fault(path: str, faults: Mapping[str, str]) -> str | None:
    """Return why a file is known to be broken, by its path or an end of it; None if it is not."""
    parts = PurePosixPath(path).parts
    ends = ("/".join(parts[i:]) for i in range(len(parts)))
    return next((faults[end] for end in ends if end in faults), None)


def quarantined(
    files: pl.DataFrame, rejections: Mapping[str, Rejection], faults: Mapping[str, str]
) -> pl.DataFrame:
    """Return the files of a listing that give no waveform, sorted by path, see `SCHEMA`.

    `rejections`: content hash -> why it was rejected; `faults` as in the module's docstring.
    """
    rows = []
    for path, key, reason in files.select("path", "key", "reason").iter_rows():
        known = fault(path, faults) is not None
        if reason:
            rows.append((path, key, reason, REFUSALS[reason].sentence, known))
        elif key in rejections:
            why = rejections[key]
            rows.append((path, key, why.reason, why.message, known))
    return pl.DataFrame(rows, SCHEMA, orient="row").sort("path")


def check(table: pl.DataFrame, n_files: int, max_share: float) -> None:
    """Raise SoundstageError if too large a share of the files is quarantined unexpectedly."""
    lost = table.filter(~pl.col("expected"))
    if len(lost) > max_share * n_files:
        raise SoundstageError(
            f"{len(lost)} of {n_files} files give no audio, more than "
            f"decode.max_rejected_share = {max_share:g} allows; mend or remove them, or allow "
            "more:\n" + "\n".join(_lines(lost))
        )


def metrics(table: pl.DataFrame, n_files: int, rows: pl.DataFrame, sr: int) -> dict[str, Any]:
    """Count the verdicts, the hours of audio, and for PCM-8 the median SNR in dB.

    `table` as `quarantined` returns it, `rows` as `Feature.table` does.
    """
    found: dict[str, Any] = {
        "listed": n_files,
        "accepted": n_files - len(table),
        "quarantined": len(table),
        "expected": int(table["expected"].sum()),
        "hours": round(rows["shape"].list.first().sum() / sr / 3600, 6),
    }
    if len(table):
        found["reason"] = dict(sorted(table["reason"].value_counts().iter_rows()))
    counts = {name: int(rows[name].sum()) for name in audio.WARNINGS if name in rows.columns}
    if any(counts.values()):
        found["warning"] = {name: n for name, n in counts.items() if n}
    if "snr_db" in rows.columns and len(rows):
        found["snr_db_median"] = round(float(np.median(rows["snr_db"])), 3)
    return found


def odd(
    rows: pl.DataFrame,
    sr: int,
    n_files: int,
    whole: int | None,
    seconds: tuple[float, float] | None,
) -> tuple[list[str], dict[str, int]]:
    """Compare the waveforms with what is known of the data set: lines for people, and counts.

    `rows` as `Feature.table` returns it; the `whole` data set has so many files, and its clips are
    of `seconds`, to a sample; None: nothing is known.
    """
    lines, counts = [], {}
    if whole is not None:
        counts["files_missing"] = whole - n_files
    if counts.get("files_missing"):
        lines.append(f"warning: {n_files} files, where the whole data set has {whole}")
    if seconds is not None:
        least, greatest = (end * sr for end in seconds)
        samples = pl.col("shape").list.first()
        counts["odd_length"] = len(rows.filter((samples < least - 1) | (samples > greatest + 1)))
    if counts.get("odd_length"):
        lines.append(
            f"warning: {counts['odd_length']} clips are not {least / sr:.3f} to "
            f"{greatest / sr:.3f} s long, as all of this data set should be"
        )
    return lines, counts


def report(
    table: pl.DataFrame, files: pl.DataFrame, rows: pl.DataFrame, faults: Mapping[str, str]
) -> Iterator[str]:
    """Yield lines for people: what is quarantined, and what is known to be broken and is not."""
    if len(table):
        yield f"quarantined {len(table)} of {len(files)} files:"
        yield from _capped([f"  warning: {line}" for line in _lines(table, expected=False)])
        yield from _capped([f"  note: known and broken: {x}" for x in _lines(table, expected=True)])
    accepted = files.join(rows, on="key", how="inner").sort("path")
    known = ((path, fault(path, faults)) for path in accepted["path"])
    yield from _capped(
        [f"note: known to be broken ({why}), and readable: {shown(p)}" for p, why in known if why]
    )


def warnings(files: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the warnings of the files that were accepted, as a table of `diagnostics.SCHEMA`.

    `files` is a listing, `rows` as `Feature.table` returns it. Of what is too loud the detail is
    its peak, in times full scale, and the share of samples beyond full scale.
    """
    accepted = files.join(rows, on="key", how="inner")
    loud = pl.lit("")
    if {"peak", "clipped"} <= set(accepted.columns):
        share = (100 * pl.col("clipped")).round(2)
        loud = pl.format("peak {}, {} % clipped", pl.col("peak").round(2), share)
    found = [
        accepted.filter(pl.col(code) == 1).select(
            subject="path", code=pl.lit(code), detail=loud if code == "too_loud" else pl.lit("")
        )
        for code in audio.WARNINGS
        if code in accepted.columns
    ]
    return diagnostics.table(Finding(*row) for table in found for row in table.iter_rows())


def _lines(table: pl.DataFrame, *, expected: bool = False) -> list[str]:
    columns = table.filter(pl.col("expected") == expected).select("path", "reason", "message")
    return [f"{shown(path)}: {reason}: {shown(said)}" for path, reason, said in columns.iter_rows()]


def _capped(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return lines if more <= 0 else [*lines[:_SHOWN], f"  and {more} more like the last"]
