"""Doing the runs of a paper one after the other, and keeping their scores."""

import time
from collections.abc import Sequence

from ruamel.yaml import YAML

from soundstage.errors import SoundstageError
from soundstage.papers import definition, results
from soundstage.papers.definition import Value
from soundstage.papers.runs import Tables, directly, runs, with_dvc
from soundstage.progress import progress


def do(
    key: str,
    *,
    systems: Sequence[str] = (),
    protocols: Sequence[str] = (),
    dataset: str = "",
    values: Sequence[int] = (),
    settings: Sequence[str] = (),
    queue: bool = False,
    direct: bool = False,
    again: bool = False,
) -> None:
    """Do those runs of a paper whose scores are not there yet.

    Parameters
    ----------
    settings: `name=value` of params.yaml; `training.epochs` is that of the run's own model.
    queue: only put them into DVC's queue; direct: in this process; else one by one by DVC.
    again: also those whose scores are there.
    """
    paper = definition.load(key)
    wanted = runs(
        key,
        paper,
        systems=systems,
        protocols=protocols,
        dataset=dataset,
        values=values,
        extra=_parsed(settings),
    )
    there = {
        (at, r.system, r.protocol, r.value)
        for at in {run.dataset for run in wanted}
        for r in results.read(key, at)
    }
    left = [r for r in wanted if again or (r.dataset, r.system, r.protocol, r.value) not in there]
    tables = Tables(left[0].dataset) if direct and left else None
    with progress(f"paper {key}", len(wanted), "runs", initial=len(wanted) - len(left)) as bar:
        for run in left:
            start = time.perf_counter()
            scores = directly(run, tables) if tables else with_dvc(run, queue=queue)
            if scores is not None:
                seconds = round(time.perf_counter() - start, 1)
                results.add(run, paper, scores, seconds)
            bar.update()


def _parsed(settings: Sequence[str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise SoundstageError(f"-S {setting}: say NAME=VALUE, e.g. -S training.epochs=2")
        found[name] = YAML(typ="safe", pure=True).load(text)
    return found
