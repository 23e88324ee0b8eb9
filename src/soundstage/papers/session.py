"""Doing the runs of a paper one after the other, and keeping their scores."""

import time
from collections.abc import Collection, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from soundstage import params
from soundstage.errors import SoundstageError
from soundstage.papers import definition, results
from soundstage.papers.definition import Value
from soundstage.papers.runs import (
    Run,
    Tables,
    directly,
    done_by_dvc,
    runs,
    scores_of,
    with_dvc,
)
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
    """Do those runs of a paper whose scores are not there yet; a failed one stops no other.

    Scores of experiments that DVC has done meanwhile, from the queue perhaps, are taken over.

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
    for run in wanted:
        params.load(changes=run.parameters)  # every mistake before the first run
    there = {r.name for at in {run.dataset for run in wanted} for r in results.read(key, at)}
    left = [run for run in wanted if again or run.name not in there]
    tables = Tables() if direct and left else None
    by_dvc = set() if direct or again else done_by_dvc()
    failed = []
    with progress(f"paper {key}", len(wanted), "runs", initial=len(wanted) - len(left)) as bar:
        for run in left:
            start = time.perf_counter()
            try:
                scores = directly(run, tables) if tables else _by_dvc(run, by_dvc, queue)
            except SoundstageError as error:
                failed.append(f"{run.name}: {error}")
                continue
            if scores is not None:
                seconds = round(time.perf_counter() - start, 1)
                results.add(run, paper, scores, seconds)
            bar.update()
    if failed:
        raise SoundstageError("\n".join([f"{len(failed)} runs failed:", *failed]))


def _by_dvc(run: Run, done: Collection[str], queue: bool) -> dict[str, Any] | None:
    return scores_of(run) if run.name in done else with_dvc(run, queue=queue)


def _parsed(settings: Sequence[str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise SoundstageError(f"-S {setting}: say NAME=VALUE, e.g. -S training.epochs=2")
        try:
            found[name] = YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            raise SoundstageError(f"-S {setting}: {text!r} is no value in YAML") from error
    return found
