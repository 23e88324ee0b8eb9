"""How much of its clips a model hears, as a view keeps it and its stage says it."""

from collections.abc import Iterable, Mapping, Sequence
from math import floor, prod
from operator import truediv
from typing import Any

import polars as pl

from soundstage.cuts import Pieces

# Codes of `diagnostics.WARNINGS`, and how a line of the stage puts them.
CODES = {"cut": "cut", "padded": "padded", "too_short": "too short", "unreadable": "unreadable"}
TRIVIAL = 0.05  # of a clip: less is no news, since the clips of one data set may differ by 2 %
_SCHEMA = {
    "track": pl.String,
    "part": pl.String,
    "heard": pl.Int64,
    "total": pl.Int64,
    "code": pl.String,
}


def of_clip(
    shape: tuple[int, ...], first_axis: str, pieces: Pieces | None, input_shape: Sequence[int]
) -> tuple[int, int, str | None]:
    """Return how many steps of a clip's array are heard, of how many, and a code of `CODES`.

    The code is None where all but a trivial share is heard, and no more than that is padded. A clip
    that is cut along one axis and padded along another counts as cut. Parameters as of
    `cuts.segments`.
    """
    if first_axis == "copy":
        shape = shape[1:]
    if pieces:
        total = shape[0] if first_axis == "slice" else shape[-1]
        heard, filled = pieces.covered(total), total / pieces.length
    else:
        heard, total = prod(map(min, shape, input_shape)), prod(shape)
        filled = min(map(truediv, shape, input_shape))
    if not heard or 0 in shape:
        return 0, total, "too_short"
    if heard < (1 - TRIVIAL) * total:
        return heard, total, "cut"
    return heard, total, "padded" if filled < 1 - TRIVIAL else None


def summed_up(
    clips: Iterable[tuple[str, str, str | None, tuple[int, ...]]],
    first_axis: str,
    pieces: Pieces | None,
    input_shape: Sequence[int],
) -> dict[str, Any]:
    """Return `clips`, `heard` and `warnings` of a view, see `views.About`.

    `clips`: track, part, why it cannot be read (None where it can) and shape of its array.
    """
    found = [
        (track, part, 0, 0, "unreadable")
        if reason
        else (track, part, *of_clip(shape, first_axis, pieces, input_shape))
        for track, part, reason, shape in clips
    ]
    table = pl.DataFrame(found, _SCHEMA, orient="row")
    sums = table.group_by("part").agg(pl.col("heard").sum(), pl.col("total").sum()).sort("part")
    once = table.unique("track", keep="first", maintain_order=True)
    counts = dict(once["code"].drop_nulls().value_counts().iter_rows())
    return {
        "clips": len(once),
        "heard": {part: round(heard / n, 6) for part, heard, n in sums.iter_rows() if n},
        "warnings": {code: counts[code] for code in CODES if code in counts},
    }


def said(clips: int, heard: Mapping[str, float], warnings: Mapping[str, int]) -> str:
    """Return what a line about a view ends with; "" where nothing is to be said of any clip.

    The share that is heard is the range over the parts.
    """
    counted = ", ".join(f"{n} {CODES[code]}" for code, n in warnings.items())
    share = ""
    if {"cut", "too_short"} & warnings.keys():
        ends = dict.fromkeys(map(_percent, (min(heard.values()), max(heard.values()))))
        share = f"; hears {' to '.join(ends)} % of the audio of its clips"
    return f"{share}; of {clips} clips: {counted}" if counted else ""


def _percent(share: float) -> str:
    return f"{floor(100 * share)}" if share >= 0.01 else "under 1"
