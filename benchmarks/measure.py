"""How speed is measured: ours and the reference side by side in one run, as a ratio.

Times on a shared machine wander by a factor of two; the ratio of two runs that follow each other
at once does not. So both are run in turn, many times, and the ratio is the median of the pairs.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Line:
    """A line of docs/benchmarks.md: one target, and what was measured.

    `ours` and `reference` are medians, in `unit`; `ratio` is the median over the pairs of
    reference / ours ("times faster") where `faster`, else of ours / reference ("times the cost").
    `target` is the least ratio where `faster`, else the greatest.
    """

    what: str
    against: str
    ours: float
    reference: float
    ratio: float
    target: float
    faster: bool
    agreement: str = ""
    bound: str = ""
    unit: str = "s"

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.target if self.faster else self.ratio <= self.target


def seconds(function: Callable[[], object]) -> float:
    """Return how long one call takes, in seconds of the wall clock."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def paired(
    what: str,
    ours: Callable[[], object],
    against: str,
    reference: Callable[[], object],
    *,
    target: float,
    faster: bool = True,
    rounds: int = 15,
    agreement: str = "",
    bound: str = "",
) -> Line:
    """Run both in turn, `rounds` times after one call each that is not counted.

    `agreement` says how far the results agree, `bound` what keeps ours from being faster.
    """
    ours(), reference()
    pairs = [(seconds(ours), seconds(reference)) for _ in range(rounds)]
    ratios = [b / a if faster else a / b for a, b in pairs]
    return Line(
        what,
        against,
        median(a for a, _ in pairs),
        median(b for _, b in pairs),
        median(ratios),
        target,
        faster,
        agreement,
        bound,
    )
