"""Two runs on the same test clips: is one of them better, or is it chance?

Both runs answered the same clips, so what is compared is the difference on each, clip-level (mean
probability) and paired:

- The interval of a difference (second minus first) is a 95 % percentile bootstrap interval over
  groups, in which both runs get the same resamples.
- p is that of a permutation test: if the runs were alike, their answers to a group could be
  exchanged, so each of `n_resamples` times they are, for each group with probability 1/2 (for a
  mean over clips: the signs of the groups' differences flip); p is the share of two-sided
  differences at least as large as the one found, itself counted. Where clips are ranked, what is
  exchanged are ranks within each run (Venkatraman & Begg 1996, Biometrika 83), for two runs'
  probabilities need not have one scale.
- Single-label, McNemar's exact test of accuracy beside it: of the clips that one run alone got
  right, does each have half? It counts each clip as independent, whatever its group.

One run is called better where the interval excludes 0 and p < 0.05. These tests take the trained
models as they are: how much training anew would change, only several seeds can tell.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest, rankdata

from soundstage import diagnostics, paths
from soundstage.errors import SoundstageError
from soundstage.metrics import stored
from soundstage.metrics.bootstrap import DRAWS_AT_ONCE, Scores, gathered, intervals, scorer
from soundstage.metrics.predictions import Predictions
from soundstage.metrics.scores import hits

SCORES = ("accuracy", "f1_macro", "roc_auc", "average_precision")  # of tags the last comes first
ALPHA = 0.05
SLACK = 1e-12  # of sums in another order: differences this close are equal
WORKSPACE = "workspace"
WIDTH = 110  # columns, also where there is no terminal


@dataclass(frozen=True)
class Row:
    """One score of two runs; NaN where undefined, as interval and p are for a single group."""

    score: str
    first: float
    second: float
    low: float
    high: float
    p: float

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.first

    @property
    def better(self) -> str:
        """`first`, `second`, or "" where no difference is shown."""
        if self.p < ALPHA and (self.low > 0 or self.high < 0):
            return "second" if self.low > 0 else "first"
        return ""


@dataclass(frozen=True)
class McNemar:
    """How many clips one run alone got right, and p of McNemar's exact test."""

    only_first: int
    only_second: int
    p: float


def compare(
    first: Predictions, second: Predictions, *, n_resamples: int, seed: int
) -> tuple[list[Row], McNemar | None]:
    """Compare two runs' predictions of the same clips: a row a score, and McNemar's test of genres.

    Raises
    ------
    SoundstageError
        The clips, their truth, groups or classes are not the same.
    """
    a, b = first.clips(), second.clips()
    _check_same(a, b)
    score_a, score_b = scorer(a), scorer(b)

    def difference(weight: np.ndarray) -> Scores:
        before, after = score_a(weight), score_b(weight)
        return {name: after[name] - before[name] for name in before}

    ends = intervals(difference, a.group, n_bootstrap=n_resamples, seed=seed)
    chance = _exchanged(a, b, n_resamples, seed)
    once = np.ones((len(a.track), 1))
    found = {name: (score_a(once)[name][0], score_b(once)[name][0]) for name in SCORES}
    rows = []
    for name in reversed(SCORES) if a.multi_label else SCORES:
        end = ends.get(name, {"low": np.nan, "high": np.nan})
        p = _p(found[name][1] - found[name][0], chance[name]) if ends else np.nan
        rows.append(Row(name, *found[name], **end, p=p))
    return rows, None if a.multi_label else mcnemar(a, b)


def mcnemar(first: Predictions, second: Predictions) -> McNemar:
    """Return McNemar's exact test of two single-label runs, row by row (McNemar 1947)."""
    right_a, right_b = hits(first)["accuracy"] == 1, hits(second)["accuracy"] == 1
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return McNemar(only_a, only_b, p)


def load(run: str) -> tuple[Predictions, stored.About]:
    """Read a run's test predictions.

    Parameters
    ----------
    run: an experiment's name, a git revision, `workspace`, or a path to a Parquet file. Those of
    a revision come from DVC's cache or remote.

    Raises
    ------
    SoundstageError
        There is no such run, or DVC has its predictions nowhere.
    """
    if run == WORKSPACE or run.endswith(".parquet"):
        return stored.read(paths.PREDICTIONS if run == WORKSPACE else Path(run))
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary, paths.PREDICTIONS.name)
        try:
            DVCFileSystem(".", rev=run).get_file(paths.PREDICTIONS.as_posix(), str(copy))
        except (DvcException, OSError) as error:
            raise SoundstageError(
                f"{run}: its {paths.PREDICTIONS} cannot be had ({error}); name an experiment, a "
                "revision that `dvc pull` knows, 'workspace' or a Parquet file"
            ) from error
        return stored.read(copy, called=f"{run}'s {paths.PREDICTIONS}")


def report(first: str, second: str, *, n_resamples: int, seed: int) -> str:
    """Compare two runs, see `load`; return what `soundstage compare` prints."""
    (a, about_a), (b, about_b) = load(first), load(second)
    rows, test = compare(a, b, n_resamples=n_resamples, seed=seed)
    n, groups = len(np.unique(a.track)), len(np.unique(a.group))
    lines = [
        f"{first} ({about_a.model}) and {second} ({about_b.model}) on the same {n} test clips "
        f"in {groups} groups",
        _table(rows, first, second),
    ]
    if test:
        lines.append(
            f"McNemar's exact test of accuracy: {test.only_first} clips are right in {first} "
            f"alone, {test.only_second} in {second} alone, p = {test.p:.3g}."
        )
    lines += (
        f"{run}: {line}"
        for run, about in ((first, about_a), (second, about_b))
        for line in diagnostics.summary(about.warning)
    )
    return "\n".join([*lines, _closing(rows[0], first, second)])


def _check_same(a: Predictions, b: Predictions) -> None:
    """Raise a SoundstageError that says what differs between the clips of two runs."""
    what = "the two runs cannot be compared: "
    if a.multi_label != b.multi_label:
        raise SoundstageError(f"{what}one tells genres and the other tags; set the same `target`")
    for name, of_a, of_b in (("classes", a.classes, b.classes), ("clips", a.track, b.track)):
        only = {"first": sorted(set(of_a) - set(of_b)), "second": sorted(set(of_b) - set(of_a))}
        said = [
            f"{len(names)} only in the {which} ({', '.join(names[:3])})"
            for which, names in only.items()
            if names
        ]
        if said:
            raise SoundstageError(
                f"{what}they have other test {name}, {' and '.join(said)}; "
                "run both on the same data set and split"
            )
    for name, of_a, of_b in (("truth", a.truth, b.truth), ("group", a.group, b.group)):
        differs = (of_a != of_b).reshape(len(a.track), -1).any(axis=1)
        if differs.any():
            some = ", ".join(a.track[differs][:3])
            raise SoundstageError(
                f"{what}the {name} of {differs.sum()} clips differs ({some}); "
                "run both on the same data set"
            )


def _exchanged(a: Predictions, b: Predictions, n_resamples: int, seed: int) -> Scores:
    """Return the differences (n_resamples,) with the runs exchanged in random groups."""
    both = Predictions(
        track=np.concatenate([a.track, b.track]),
        segment=np.repeat([0, 1], len(a.track)),  # stands for the run
        group=np.concatenate([a.group, b.group]),
        y_true=np.concatenate([a.y_true, b.y_true]),
        probability=np.concatenate([a.probability, b.probability]),
        classes=a.classes,
        train_shares=a.train_shares,
    )
    ranks = [rankdata(run.probability, axis=0) for run in (a, b)]
    score = scorer(both, order=np.concatenate(ranks))

    def difference(exchange: np.ndarray) -> Scores:
        kept = 1 - exchange
        before = score(np.concatenate([kept, exchange]))
        after = score(np.concatenate([exchange, kept]))
        return {name: after[name] - before[name] for name in before}

    groups, member = np.unique(a.group, return_inverse=True)
    rng = np.random.default_rng(seed)

    def draws() -> Iterator[np.ndarray]:
        for start in range(0, n_resamples, DRAWS_AT_ONCE):
            shape = len(groups), min(DRAWS_AT_ONCE, n_resamples - start)
            yield rng.integers(0, 2, shape)[member].astype(np.float64)

    return gathered(difference, draws())


def _p(found: float, chance: np.ndarray) -> float:
    """Return the two-sided p of a difference among those by chance; NaN where undefined."""
    if np.isnan(found):
        return np.nan
    return (1 + (np.abs(chance) >= abs(found) - SLACK).sum()) / (1 + len(chance))


def _table(rows: list[Row], first: str, second: str) -> str:
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False)
    table.add_column("")
    for title in (first, second, "difference", "95 % interval", "p"):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        numbers = [f"{row.first:.3f}", f"{row.second:.3f}", f"{row.difference:+.3f}"]
        numbers += [f"{row.low:+.3f} to {row.high:+.3f}", f"{row.p:.3g}"]
        shown = ["-" if "nan" in number else number for number in numbers]
        verdict = f"{row.better} is better" if row.better else "no difference shown"
        table.add_row(row.score, *shown, verdict)
    text = StringIO()
    Console(file=text, width=WIDTH, color_system=None, markup=False, emoji=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _closing(row: Row, first: str, second: str) -> str:
    """Say in words what the first row, the primary score, shows."""
    if np.isnan(row.p):
        return "Cannot tell: all clips are of one group, or the score is undefined."
    if row.better:
        name = {"first": first, "second": second}[row.better]
        return f"By {row.score}, {name} is better, by more than chance explains on these clips."
    return (
        f"By {row.score}, no difference is shown: these clips leave room for anything "
        f"from {row.low:+.3f} to {row.high:+.3f}."
    )
