"""The whole pipeline on one data set, in this process: the commands of dvc.yaml, one by one."""

import functools
import importlib.util
import json
import operator
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from soundstage import params

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Finished:
    """What a run leaves in its folder."""

    folder: Path

    def metrics(self, name: str) -> dict[str, Any]:
        """Return what `metrics/<name>.json` holds."""
        return json.loads((self.folder / "metrics" / f"{name}.json").read_text("utf-8"))


def run_everything(
    folder: Path, monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, Any]
) -> Finished:
    """Run all that the chosen model needs, with this project's parameters and some changes.

    `changes` are merged into those of `params.yaml`, `{"split": {"name": "random"}}`; the working
    directory is `folder` from now on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "1")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.syspath_prepend(str(PROJECT / "stages"))
    values = _merged(_read("params.yaml"), changes)
    loaded = params.load(PROJECT / "params.yaml", values)
    model = loaded.models[loaded.top.model]
    described = [f"describe@{model.input}"] if model.input in loaded.features else []
    for script, *words in _commands(values, [*described, "evaluate"]):
        _function(PROJECT / script)(loaded, *words)
    return Finished(folder)


@functools.cache
def _read(name: str) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load((PROJECT / name).read_text("utf-8"))


def _merged(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(old[key], value)
        if isinstance(value, Mapping) and isinstance(old.get(key), dict)
        else value
        for key, value in new.items()
    }
    return old | both


def _commands(values: Mapping[str, Any], goals: list[str]) -> Iterator[list[str]]:
    """Yield script and words of what the goals need, each after what makes what it reads."""
    stages = dict(_stages(values))
    maker = {
        next(iter(out)) if isinstance(out, dict) else out: name
        for name, stage in stages.items()
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]
    }
    order: dict[str, None] = {}

    def need(name: str) -> None:
        for dep in stages[name].get("deps", []):
            if dep in maker:
                need(maker[dep])
        order[name] = None

    for goal in goals:
        need(goal)
    for name in order:
        python, *command = stages[name]["cmd"].split()
        assert python == "python"
        yield command


def _stages(values: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the stages of dvc.yaml, one for each entry of what they are repeated for."""
    for name, stage in _read("dvc.yaml")["stages"].items():
        if "foreach" not in stage:
            yield name, _filled(stage, values)
            continue
        for key, item in values[stage["foreach"][2:-1]].items():
            yield f"{name}@{key}", _filled(stage["do"], {**values, "key": key, "item": item})


def _filled(stage: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage with the values in the place of their names, `${audit.waveform}`."""

    def value(found: re.Match[str]) -> str:
        return str(functools.reduce(operator.getitem, found[1].split("."), values))

    return json.loads(re.sub(r"\$\{([\w.]+)\}", value, json.dumps(stage)))


def _function(script: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"stage_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "main", None) or getattr(module, script.stem)
