"""One progress bar for all long work; in a log file, a line every half minute instead."""

import sys
from typing import Any

from tqdm import tqdm


def progress(what: str, total: int, unit: str) -> "tqdm[Any]":
    """Return a bar on stderr for `total` units; use it as a context, call `update(n)`."""
    terminal = sys.stderr.isatty()
    return tqdm(
        desc=what,
        total=total,
        unit=f" {unit}",
        mininterval=0.1 if terminal else 30.0,
        ascii=not terminal,
        dynamic_ncols=terminal,
        leave=True,
    )
