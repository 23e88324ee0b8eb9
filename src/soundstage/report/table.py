"""The small table at the end of a run: ``metrics/test.json`` for people."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.table import Table

from soundstage import diagnostics

WIDTH = 100
SCORES = ("accuracy", "f1_macro", "roc_auc", "average_precision")  # shown, defined or not
COUNTS = {
    "n_listed": "listed",
    "n_quarantined": "quarantined",
    "n_expected": "expected",
    "n_scored": "scored",
}


def table(metrics: Mapping[str, Any]) -> str:
    """Scores with intervals beside the baselines, F1 of each class, the counts and all warnings.

    ``metrics`` is what ``evaluation.evaluate`` returns, with the strings model, dataset, target,
    split and the counts n_listed, n_quarantined, n_expected, n_scored. Scores that are undefined
    show as "-". Lines have at most 100 columns.
    """
    clip, baseline = metrics["clip"], metrics["baseline"]
    beside = {name: metrics[name] for name in ("vote", "tuned", "segment") if name in metrics}
    beside |= {name: baseline[name] for name in ("majority", "prior")}
    scores = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False)
    scores.add_column("")
    for title in ("clip", "95 % interval", *beside):
        scores.add_column(title, justify="right")
    for name in _names(clip):
        ends = clip.get("interval", {}).get(name)
        scores.add_row(
            name,
            _number(clip, name),
            f"{ends['low']:.3f} to {ends['high']:.3f}" if ends else "-",
            *(_number(column, name) for column in beside.values()),
        )
    classes = [f"{name} {_number(row, 'f1')}" for name, row in clip["class"].items()]
    text = StringIO()
    console = Console(
        file=text, width=WIDTH, color_system=None, markup=False, emoji=False, highlight=False
    )
    console.print("{model} on {dataset}, target {target}, split {split}".format_map(metrics))
    console.print(scores)
    console.print("\nF1 of each class")
    console.print(Columns(classes, padding=(0, 3), column_first=True))
    counts = ", ".join(f"{metrics[key]} {word}" for key, word in COUNTS.items())
    console.print(f"\nclips of the test part: {counts}")
    if "heard" in metrics:
        console.print(f"heard of their audio: {100 * metrics['heard']:.1f} %")
    for line in diagnostics.summary(metrics.get("warning", {})):
        console.print(line)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _names(clip: Mapping[str, Any]) -> list[str]:
    """The four scores of every run, and among them those that only genres or only tags have."""
    first, *others = SCORES
    top = [name for name in clip if name.startswith("top_")]
    ovr = [name for name in ("accuracy_ovr",) if name in clip]
    trapezoid = [name for name in ("pr_auc_trapezoid",) if name in clip]
    return [first, *ovr, *top, *others, *trapezoid]


def _number(row: Mapping[str, Any], name: str) -> str:
    return f"{row[name]:.3f}" if name in row else "-"
