"""The runs of a paper: which there are, and how DVC or this process does them."""

import itertools
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from soundstage import (
    fingerprint,
    fitting,
    params,
    paths,
    registry,
    scoring,
    splits,
    tracks,
    views,
)
from soundstage.catalogue import known
from soundstage.errors import SoundstageError
from soundstage.papers.definition import Paper, Protocol, System, Value, chosen
from soundstage.params import Component
from soundstage.store.read import Feature

_EPOCHS = "training.epochs"
_OF_THE_STORE = ("waveforms.", "features.", "decode.", "store.")


@dataclass(frozen=True)
class Run:
    """One system under one protocol, with one value of what the protocol varies."""

    paper: str
    system: str
    protocol: str
    dataset: str
    varied: str  # the parameters that the protocol's runs differ by, joined by +
    value: int
    overrides: Mapping[str, Value]  # of params.yaml, all but the value

    @property
    def name(self) -> str:
        """The name of its DVC experiment; it ends with a digest of all that the run sets."""
        parts = (self.paper, self.system, self.protocol, self.dataset, self.value)
        digest = fingerprint.digest(self.parameters)[:8]
        return "-".join(str(part).replace("_", "-") for part in (*parts, digest))

    @property
    def parameters(self) -> dict[str, Value]:
        """All that it sets in params.yaml."""
        return {**self.overrides, **dict.fromkeys(self.varied.split("+"), self.value)}


def runs(
    key: str,
    paper: Paper,
    *,
    systems: Sequence[str] = (),
    protocols: Sequence[str] = (),
    dataset: str = "",
    values: Sequence[int] = (),
    extra: Mapping[str, Value] | None = None,
) -> list[Run]:
    """Return the runs of a paper, by system and protocol.

    Parameters
    ----------
    systems, protocols: only these; dataset: another than a system's own; values: instead of those
    that the protocol lists (the seeds, mostly); extra: parameters that override all others.

    Raises
    ------
    SoundstageError
        There is no such system or protocol, or none of these protocols is for the data set.
    """
    found, known = [], cache(_splits)  # params.yaml is read once
    for one, how in itertools.product(
        chosen("system", systems, paper.systems), chosen("protocol", protocols, paper.protocols)
    ):
        system, protocol = paper.systems[one], paper.protocols[how]
        at = _at(paper, system, protocol, dataset)
        if not at or (protocol.systems and one not in protocol.systems):
            continue
        lacks = protocol.elsewhere and protocol.params.get("split.name") not in known(at)
        overrides = {
            "dataset": at,
            "model": system.model,
            **paper.params,
            **(paper.at_home if at == paper.dataset else {}),
            **system.params,
            **protocol.params,
            **(protocol.elsewhere if lacks else {}),
            **system.under.get(how, {}),
            **_of_network(system.model, extra or {}),
        }
        overrides = {_of_model(system.model, name): value for name, value in overrides.items()}
        for varied, its_values in protocol.over.items():
            found += [
                Run(key, one, how, at, varied, value, overrides) for value in values or its_values
            ]
    if not found:
        told = (
            f"{', '.join(systems) or 'any system'} under {', '.join(protocols) or 'any protocol'}"
        )
        raise SoundstageError(f"paper {key}: has no run of {told} on {dataset or 'its data sets'}")
    return found


def _at(paper: Paper, system: System, protocol: Protocol, dataset: str) -> str:
    """Return the data set of a run, `dataset` if that is chosen; "" if the protocol is not for it.

    A data set that some protocol is for alone, such as another table of the same music, has no
    runs of the others: their numbers would not be of what the paper speaks of.
    """
    if protocol.dataset:
        return protocol.dataset if dataset in ("", protocol.dataset) else ""
    if dataset in {other.dataset for other in paper.protocols.values() if other.dataset}:
        return ""
    return dataset or system.dataset or paper.dataset


def _splits(dataset: str) -> set[str]:
    """Return the names of the splits that a data set has: those of all, and those it brings."""
    entries = params.load().datasets
    kind = entries[dataset].kind if dataset in entries else dataset
    own = registry.load("datasets", kind) if kind in registry.names("datasets") else None
    return {"honest", *splits.SPLITS, *getattr(own, "SPLITS", ())}


def _of_model(model: str, name: str) -> str:
    """Return a parameter's name with that of the system's model in the place of `model.`."""
    return f"models.{model}.{name.removeprefix('model.')}" if name.startswith("model.") else name


def _of_network(model: str, extra: Mapping[str, Value]) -> dict[str, Value]:
    """Let `training.epochs` be that of a network's own entry; other models have none."""
    found = dict(extra)
    if _EPOCHS in found:
        epochs = found.pop(_EPOCHS)
        if registry.returns("models", model).endswith("Module"):
            found[f"models.{model}.{_EPOCHS}"] = epochs
    return found


def with_dvc(run: Run, *, queue: bool) -> dict[str, Any] | None:
    """Do a run by `dvc exp run … evaluate`; return its scores, None if it is only queued.

    It runs in a temporary checkout: in the workspace, DVC would leave its parameters to the next.
    """
    said = [f"{name}={_written(value)}" for name, value in run.parameters.items()]
    command = ["dvc", "exp", "run", "--queue" if queue else "--temp", "--name", run.name]
    command += itertools.chain(*(("-S", s) for s in said))
    done = subprocess.run([*command, "evaluate"], check=False)
    if done.returncode:
        raise SoundstageError(f"{run.name}: DVC ended with {done.returncode}; see above")
    return None if queue else scores_of(run)


def scores_of(run: Run) -> dict[str, Any]:
    """Return the scores of a run that DVC has done."""
    import dvc.api

    return dvc.api.metrics_show(str(paths.TEST), rev=run.name)


def done_by_dvc() -> set[str]:
    """Return the names of all experiments."""
    listing = ["dvc", "exp", "list", "--all-commits", "--name-only"]
    said = subprocess.run(listing, check=False, capture_output=True, text=True)
    return set(said.stdout.split())


def _written(value: Value) -> str:
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"
    )


def directly(run: Run, tables: "Tables") -> dict[str, Any]:
    """Do a run in this process, on the store as it is; return its scores.

    It does what the stages split, views, train and evaluate do, and leaves nothing behind. The
    store must hold what the model reads: `dvc repro views@<model>` sees to that.
    """
    changed = params.load(changes=run.parameters)
    tables.check(changed.dataset, run.parameters)
    top, model = changed.top, changed.models[changed.top.model]
    name, dealt = splits.split(tables.tracks, top.split, honest=known().honest)
    parts = splits.Parts(name, top.split, dealt)
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary)
        (data / "store").symlink_to(paths.STORE.resolve())
        view = views.build(
            tables.tracks,
            parts,
            tables.feature(model.input),
            model=model.name,
            target=top.target,
            code=fingerprint.code_digest(registry.source_file("models", model.kind)),
            segment=model.segment,
            cut=top.cut,
        )
        path = data / "views" / f"{model.name}.parquet"
        path.parent.mkdir()
        views.write(view, path)
        fitted, about = fitting.fit(model, path, seed=top.seed, curves=data / "curves")
        scores, _, _ = scoring.score(fitted, about, path, tables.tracks, parts, top.evaluation)
    named = {"model": model.name, "dataset": top.dataset, "split": name}
    return named | {"target": view.about.target} | scores


class Tables:
    """What direct runs share: the tracks and the features of the store as it is."""

    def __init__(self) -> None:
        self._about = json.loads(paths.METADATA.read_text("utf-8"))
        self.tracks = tracks.read(paths.TRACKS)
        self._features: dict[str, Feature] = {}

    def check(self, dataset: Component, parameters: Mapping[str, Value]) -> None:
        """Raise SoundstageError if a run needs another data set or store than this."""
        if self._about["dataset"] != dataset.name:
            raise SoundstageError(
                f"the store holds {self._about['dataset']!r}, not {dataset.name!r}; run `dvc exp "
                f"run -S dataset={dataset.name}` first, choose by --system or --dataset, or leave "
                "out --direct"
            )
        if self._about["parameters"] != json.loads(json.dumps(dict(dataset.arguments))):
            raise SoundstageError(
                f"the tracks were indexed with {self._about['parameters']}, and the run has "
                f"{dict(dataset.arguments)}; leave out --direct"
            )
        shaping = [name for name in parameters if name.startswith(_OF_THE_STORE)]
        if shaping:
            raise SoundstageError(f"{', '.join(shaping)}: shapes the store; leave out --direct")

    def feature(self, name: str) -> Feature:
        """Return a feature or waveform of the store, opened once."""
        if name not in self._features:
            self._features[name] = Feature(paths.STORE / name)
        return self._features[name]
