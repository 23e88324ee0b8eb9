"""One progress bar for all long work; in a log file, a line every half minute instead."""

import sys
from typing import Any

from tqdm import tqdm

EVERY = 30.0  # seconds between two lines of a log

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit} [{elapsed}<{remaining}{speed}]"
_LINE = "{desc}: {n_fmt} of {total_fmt}{unit} in {elapsed}{speed}"


def progress(what: str, total: int, unit: str, *, initial: int = 0) -> "Progress":
    """Return a bar on stderr for `total` units; use it as a context, call `update(n)`.

    Of the units, `initial` were finished before: they count as done, not as speed.
    """
    kind = Progress if sys.stderr.isatty() else _Lines
    return kind(what, total, unit, initial)


class Progress(tqdm):
    """A tqdm bar that also says how many seconds of audio are worked off in a second."""

    def __init__(self, what: str, total: int, unit: str, initial: int, **options: Any) -> None:
        self.seconds = 0.0
        options = {"bar_format": _BAR, "dynamic_ncols": True} | options
        super().__init__(desc=what, total=total, unit=f" {unit}", initial=initial, **options)

    def update(self, n: int = 1, *, seconds: float = 0.0) -> None:
        """Say that `n` more units are done; `seconds` is how much audio they were, if known."""
        self.seconds += seconds
        super().update(n)

    @property
    def format_dict(self) -> dict[str, Any]:
        """What tqdm formats, and `speed`: averages since the start, and the postfix."""
        found = super().format_dict
        said = []
        if self.n > self.initial and found["elapsed"]:
            said.append(f"{(self.n - self.initial) / found['elapsed']:.2f}{self.unit}/s")
            if self.seconds:
                said.append(f"{self.seconds / found['elapsed']:.1f} x real time")
        if self.postfix:
            said.append(self.postfix)
        return found | {"speed": "".join(f", {part}" for part in said)}


class _Lines(Progress):
    """Prints a line now and then, and one when it is closed; no carriage returns."""

    def __init__(self, what: str, total: int, unit: str, initial: int) -> None:
        super().__init__(
            what,
            total,
            unit,
            initial,
            gui=True,  # as tqdm's own front ends: it leaves all display to `display`
            bar_format=_LINE + ", {remaining} left",
            dynamic_ncols=False,
            mininterval=EVERY,
            miniters=1,  # looks at the clock in every update, however fast the work was before
            smoothing=0,
        )

    def display(self, *_: Any, **__: Any) -> None:
        """Print a line; tqdm calls this when `mininterval` seconds have gone by."""
        if self.n < self.total:
            print(self, file=self.fp, flush=True)

    def close(self) -> None:
        """Print the totals."""
        if not self.disable:
            self.bar_format = _LINE
            print(self, file=self.fp, flush=True)
        super().close()
