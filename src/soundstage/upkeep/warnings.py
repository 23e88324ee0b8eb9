"""`soundstage warnings`: all that was found of the data set, and what to do about it."""

from collections.abc import Iterator

import polars as pl

from soundstage import diagnostics, params, paths, untrusted_parquet, views
from soundstage.diagnostics import WARNINGS
from soundstage.terminal import shown
from soundstage.upkeep import quarantine


def warnings(*, at_most: int | None = 10) -> Iterator[str]:
    """Yield lines for people: files refused, what the model in use hears, and all warnings by code.

    Parameters
    ----------
    at_most: subjects that are named of each code; None: all.
    """
    refused = quarantine.tables()
    yield from quarantine.lines(refused)
    view = paths.VIEWS / f"{params.load().top.model}.parquet"
    if view.exists():
        yield from views.lines(views.read(view))
    found = gathered(refused)
    where = f"; their tables lie in {paths.WARNINGS}/" if len(found) else ""
    yield f"{len(found) or 'no'} warnings{where}"
    for (code,), rows in found.group_by("code", maintain_order=True):
        meaning = WARNINGS[code]
        yield f"  {code} ({len(rows)}): {meaning.sentence}; {meaning.remedy}"
        for subject, detail in rows.select("subject", "detail").head(at_most or len(rows)).rows():
            yield f"    {shown(subject)}{detail and f': {shown(detail)}'}"
        if at_most and len(rows) > at_most:
            yield f"    and {len(rows) - at_most} more; --all names them"


def gathered(waveforms: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the findings of all stages as one table of `diagnostics.SCHEMA`, each named once.

    Parameters
    ----------
    waveforms: whose decoding counts, as the keys of what `quarantine.tables` returns.
    """
    files = [*sorted(paths.WARNINGS.glob("[!.]*.parquet"))]
    files += [paths.WARNED / f"{waveform}.parquet" for waveform in waveforms]
    tables = [untrusted_parquet.read(file)[0] for file in files if file.exists()]
    empty = diagnostics.table([])
    return pl.concat([empty, *tables]).unique(["code", "subject"]).sort("code", "subject")
