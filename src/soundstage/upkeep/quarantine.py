"""`soundstage quarantine`: which files give no audio, why, and what to do about it."""

import json
from collections.abc import Iterator

import polars as pl

from soundstage import catalogue, params, paths, verdicts
from soundstage.errors import SoundstageError
from soundstage.listing import shown

# What to do about a file that is quarantined for a reason.
ADVICE = {
    "not_a_file": "put a file there, or remove it",
    "outside": "copy the file into the folder, or set the data set's `root` higher",
    "linked_folder": "nothing, if its files are listed where they lie",
    "folder": "nothing, if its files are listed; else rename it",
    "huge_file": "cut it, or remove it",
    "unreadable": "give yourself permission to read it; if you have it, look after the disk",
    "not_utf8": "rename it",
    "too_large": "cut it, or raise decode.max_bytes",
    "undecodable": "get it again: it is damaged, or no audio",
    "unclaimed": "get it again, or have `ffmpeg -ignore_length 1 -i IN.wav OUT.wav` count anew",
    "timeout": "run `dvc repro -f decode@<waveform>` while little else runs, or raise "
    "decode.timeout_seconds",
    "too_long": "cut it, or raise decode.max_seconds",
    "too_short": "get it again, or lower decode.min_seconds",
    "rate": "resample it, or widen decode.min_rate and decode.max_rate",
    "channels": "mix it down, or raise decode.max_channels",
    "empty": "get it again",
    "silent": "get it again, or set decode.silence to `accept`",
    "not_finite": "get it again, or write it anew from what made it",
    "crashed": "get it again; tell the makers of ffmpeg of a file that crashes it",
}


def quarantine() -> list[str]:
    """Return what `lines` says of the quarantined files of the data set that was last fetched.

    Left out is what other data sets, and waveforms that params.yaml no longer has, left behind.
    SoundstageError if nothing was decoded.
    """
    dataset, found = catalogue.known().dataset, {}
    for waveform in params.load().top.waveforms:
        file = paths.QUARANTINE / f"{waveform}.parquet"
        if file.exists() and _is_of(dataset, waveform, table := pl.read_parquet(file)):
            found[waveform] = table
    if not found:
        raise SoundstageError(
            f"{paths.QUARANTINE}: lists no waveform of {dataset!r}; run `dvc repro` first"
        )
    return lines(found)


def _is_of(dataset: str, waveform: str, table: pl.DataFrame) -> bool:
    counts = paths.INGEST / f"{waveform}.json"
    # A decoding that found too much broken leaves its table, but no counts.
    if counts.exists() and json.loads(counts.read_text("utf-8"))["dataset"] != dataset:
        return False
    listed = pl.read_parquet(paths.FILES)
    return not len(table.join(listed, on=["path", "key"], how="anti", nulls_equal=True))


def lines(tables: dict[str, pl.DataFrame]) -> list[str]:
    """Return lines for people: quarantined files by reason, those that most files have first.

    `tables`: waveform -> its files, see `verdicts.SCHEMA`. Waveforms that lack the same files for
    the same reasons, as they mostly do, are told of once.
    """
    found: list[str] = []
    while tables:
        table = next(iter(tables.values()))
        same = [name for name, other in tables.items() if other.equals(table)]
        tables = {name: other for name, other in tables.items() if name not in same}
        known = int(table["expected"].sum())
        told = f", {known} of them known to be broken" if known else ""
        found.append(f"{', '.join(same)}: {len(table)} files quarantined{told}")
        found += _by_reason(table)
    return found


def _by_reason(table: pl.DataFrame) -> Iterator[str]:
    counts = table["reason"].value_counts().sort(["count", "reason"], descending=[True, False])
    for reason, count in counts.iter_rows():
        yield f"  {reason} ({count}): {verdicts.REASONS[reason]}; {ADVICE[reason]}"
        chosen = table.filter(pl.col("reason") == reason).select("path", "message", "expected")
        for path, message, expected in chosen.iter_rows():
            said = "" if message == verdicts.REASONS[reason] else f": {shown(message)}"
            yield f"    {shown(path)}{said}{' (known to be broken)' if expected else ''}"
