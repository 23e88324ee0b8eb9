"""`soundstage quarantine`: which files give no audio, why, and what to do about it."""

import json
from collections.abc import Iterator

import polars as pl

from soundstage import catalogue, params, paths, untrusted_parquet
from soundstage.diagnostics import REFUSALS
from soundstage.errors import SoundstageError
from soundstage.terminal import shown


def quarantine() -> list[str]:
    """Return what `lines` says of the quarantined files of the data set that was last fetched.

    SoundstageError if nothing was decoded.
    """
    found = tables()
    if not found:
        raise SoundstageError(
            f"{paths.QUARANTINE}: lists no waveform of {catalogue.known().dataset!r}; run "
            "`dvc repro` first"
        )
    return lines(found)


def tables() -> dict[str, pl.DataFrame]:
    """Return the quarantined files of each waveform of the data set that was last fetched.

    Left out is what other data sets, and waveforms that params.yaml no longer has, left behind.
    """
    dataset, found = catalogue.known().dataset, {}
    for waveform in params.load().top.waveforms:
        file = paths.QUARANTINE / f"{waveform}.parquet"
        if file.exists() and _is_of(dataset, waveform, table := untrusted_parquet.read(file)[0]):
            found[waveform] = table
    return found


def _is_of(dataset: str, waveform: str, table: pl.DataFrame) -> bool:
    counts = paths.INGEST / f"{waveform}.json"
    # A decoding that found too much broken leaves its table, but no counts.
    if counts.exists() and json.loads(counts.read_text("utf-8"))["dataset"] != dataset:
        return False
    listed = untrusted_parquet.read(paths.FILES)[0]
    return not len(table.join(listed, on=["path", "key"], how="anti", nulls_equal=True))


def lines(tables: dict[str, pl.DataFrame]) -> list[str]:
    """Return lines for people: quarantined files by reason, those that most files have first.

    `tables`: waveform -> its files, see `verdicts.SCHEMA`. Waveforms that lack the same files for
    the same reasons, as they mostly do, are told of once.
    """
    found: list[str] = []
    while tables:
        table = next(iter(tables.values()))
        plain = table.drop("message")  # which may name a peak, that depends on the sample rate
        same = [name for name, other in tables.items() if other.drop("message").equals(plain)]
        tables = {name: other for name, other in tables.items() if name not in same}
        known = int(table["expected"].sum())
        told = f", {known} of them known to be broken" if known else ""
        found.append(f"{', '.join(same)}: {len(table)} files quarantined{told}")
        found += _by_reason(table)
    return found


def _by_reason(table: pl.DataFrame) -> Iterator[str]:
    counts = table["reason"].value_counts().sort(["count", "reason"], descending=[True, False])
    for reason, count in counts.iter_rows():
        meaning = REFUSALS[reason]
        yield f"  {reason} ({count}): {meaning.sentence}; {meaning.remedy}"
        chosen = table.filter(pl.col("reason") == reason).select("path", "message", "expected")
        for path, message, expected in chosen.iter_rows():
            said = "" if message == meaning.sentence else f": {shown(message)}"
            yield f"    {shown(path)}{said}{' (known to be broken)' if expected else ''}"
