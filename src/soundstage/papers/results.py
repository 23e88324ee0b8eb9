"""What the runs of a paper scored: one JSON file a paper and data set, beside the paper's own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from soundstage.errors import SoundstageError
from soundstage.files import write_json
from soundstage.papers.definition import FOLDER, Paper
from soundstage.papers.runs import Run

RESULTS = "results"


@dataclass(frozen=True)
class Result:
    """One run's scores by metric, intervals too, under which split, and how long it took.

    `warning`: code -> how many of the warnings that touch the scores, see `diagnostics.WARNINGS`.
    """

    name: str
    system: str
    protocol: str
    value: int
    split: str
    overrides: dict[str, Any]
    seconds: float
    scores: dict[str, float]
    intervals: dict[str, list[float]]
    warning: dict[str, int] = field(default_factory=dict)


def file(key: str, dataset: str, folder: Path = FOLDER) -> Path:
    """Return the path of a paper's results on one data set."""
    return folder / RESULTS / f"{key}-{dataset}.json"


def datasets(key: str, folder: Path = FOLDER) -> list[str]:
    """Return the data sets of which there are results."""
    found = (folder / RESULTS).glob(f"{key}-*.json")
    return sorted(path.stem.removeprefix(f"{key}-") for path in found)


def read(key: str, dataset: str, folder: Path = FOLDER) -> list[Result]:
    """Return the results of a paper on one data set, by run's name; [] if there are none."""
    path = file(key, dataset, folder)
    if not path.exists():
        return []
    try:
        return [Result(**entry) for entry in json.loads(path.read_text("utf-8")).values()]
    except (ValueError, TypeError) as error:
        raise SoundstageError(f"{path}: not the results of a paper: {error}") from error


def add(run: Run, paper: Paper, metrics: Mapping[str, Any], seconds: float) -> Result:
    """Add a run's scores to the file of its paper and data set; an earlier one of its cell goes.

    Kept are the metrics of the paper's table.
    """
    scores = {name: value for name in paper.metrics() if (value := _at(metrics, name)) is not None}
    ends = {name: [end["low"], end["high"]] for name in scores if (end := _ends(metrics, name))}
    own = {name: value for name, value in run.overrides.items() if name not in ("dataset", "model")}
    split = metrics["split"]
    warned = dict(metrics.get("warning", {}))
    result = Result(
        run.name, run.system, run.protocol, run.value, split, own, seconds, scores, ends, warned
    )
    path = file(run.paper, run.dataset)
    path.parent.mkdir(exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        cell = run.system, run.protocol, run.value
        kept = [r for r in read(run.paper, run.dataset) if (r.system, r.protocol, r.value) != cell]
        entries = sorted([*kept, result], key=lambda entry: entry.name)
        write_json(path, {entry.name: vars(entry) for entry in entries})
    return result


def _ends(metrics: Mapping[str, Any], name: str) -> Any:
    level, _, score = name.rpartition(".")
    return _at(metrics, f"{level}.interval.{score}")


def _at(tree: Any, name: str) -> Any:
    for part in name.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree
