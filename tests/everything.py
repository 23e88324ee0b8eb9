"""The whole pipeline on one data set, in this process: each stage's own function, one by one."""

import importlib.util
import json
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
    yaml = YAML(typ="safe", pure=True)
    yaml.dump(
        _merged(yaml.load((PROJECT / "params.yaml").read_text("utf-8")), changes),
        Path("params.yaml"),
    )
    loaded = params.load()
    for stage, *words in _stages(loaded):
        _function(stage)(loaded, *words)
    return Finished(folder)


def _merged(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(old[key], value)
        if isinstance(value, Mapping) and isinstance(old.get(key), dict)
        else value
        for key, value in new.items()
    }
    return old | both


def _stages(loaded: params.Params) -> Iterator[tuple[str, ...]]:
    top, model = loaded.top, loaded.models[loaded.top.model]
    read = [model.input, *top.audit.model_dump().values()]
    waveforms, features = _sources(loaded, [name for name in read if isinstance(name, str)])
    yield from (("check",), ("fetch",), ("index",))
    yield from (("decode", waveform) for waveform in waveforms)
    yield from (("features", feature) for feature in features)
    if model.input in features:
        yield "describe", model.input
    yield from (("split",), ("audit",), ("views", model.name), ("train",), ("evaluate",))


def _sources(loaded: params.Params, names: list[str]) -> tuple[list[str], list[str]]:
    """Return what waveforms and features have to be made, each after what it is made from."""
    found: list[str] = []

    def need(name: str) -> None:
        if name in loaded.features:
            need(loaded.features[name].input)
        if name not in found:
            found.append(name)

    for name in names:
        need(name)
    waveforms = [name for name in found if name in loaded.top.waveforms]
    return waveforms, [name for name in found if name not in waveforms]


def _function(stage: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"stage_{stage}", PROJECT / f"stages/{stage}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "main", None) or getattr(module, stage)
