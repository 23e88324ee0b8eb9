"""A paper as a file: its systems, its protocols and the numbers that it prints.

`papers/<key>.yaml` holds one paper. A protocol is a set of parameters; the runs of a protocol
differ by one of them (`over`: the seeds, the draws or folds of a split). Parameters are those of
params.yaml by their dotted names; `model.` stands for the entry of a system's own model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from soundstage import registry
from soundstage.errors import SoundstageError
from soundstage.params import Section

FOLDER = Path("papers")
Value = str | int | float | bool | list[int] | None


class Protocol(Section):
    """How a paper's systems are trained and scored: in words, and as parameters.

    `elsewhere` overrides `params` on a data set that lacks the protocol's split, and says the same
    kind of protocol in terms that every data set has. A protocol with a `dataset` is for that one
    only, which has no runs of other protocols; one with `systems` is for these only. `over` says
    what its runs differ by: a parameter, or several joined by `+` that take the same values, and
    the values.
    """

    says: str
    dataset: str = ""
    systems: list[str] = Field(default_factory=list)
    params: dict[str, Value]
    elsewhere: dict[str, Value] = Field(default_factory=dict)
    over: dict[str, list[int]]


class System(Section):
    """One row of a paper's table: a model, and what the paper prints of it by our metric's name.

    `dataset` is its own one where that is not the paper's. A protocol's parameters override its
    `params`, and those that `under` has for that protocol override both. `derived` follows from
    what is printed, by arithmetic. A system of which nothing is printed is a control.
    """

    model: str
    dataset: str = ""
    params: dict[str, Value] = Field(default_factory=dict)
    under: dict[str, dict[str, Value]] = Field(default_factory=dict)
    printed: dict[str, float] = Field(default_factory=dict)
    derived: dict[str, float] = Field(default_factory=dict)


class Impossible(Section):
    """A metric that cannot be what it claims as it is printed of some systems, and why."""

    systems: list[str]
    metric: str
    why: str


class Paper(Section):
    """A paper: what it is called, where it runs, what it prints.

    `params` always hold, those of `at_home` on its own data set only. `also` are metrics that stand
    in its table though it prints them of no system.
    """

    title: str
    dataset: str
    params: dict[str, Value] = Field(default_factory=dict)
    at_home: dict[str, Value] = Field(default_factory=dict)
    protocols: dict[str, Protocol]
    systems: dict[str, System]
    also: list[str] = Field(default_factory=list)
    impossible: list[Impossible] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name, system in self.systems.items():
            for other in system.under.keys() - self.protocols.keys():
                raise ValueError(f"systems.{name}.under: no protocol {other!r}")
        for name, protocol in self.protocols.items():
            for other in set(protocol.systems) - self.systems.keys():
                raise ValueError(f"protocols.{name}.systems: no system {other!r}")
        return self

    def metrics(self) -> list[str]:
        """Return all metrics of its table, in the order of their first appearance."""
        known = (name for s in self.systems.values() for name in (*s.printed, *s.derived))
        return list(dict.fromkeys((*known, *self.also)))


def names(folder: Path = FOLDER) -> list[str]:
    """Return the keys of all papers."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load(key: str, folder: Path = FOLDER) -> Paper:
    """Read and check a paper's file; SoundstageError names every mistake."""
    if key not in names(folder):
        raise SoundstageError(f"papers: no {key!r}; {registry.nearest(key, names(folder))}")
    file = folder / f"{key}.yaml"
    try:
        return Paper.model_validate(YAML(typ="safe", pure=True).load(file.read_text("utf-8")))
    except YAMLError as error:
        raise SoundstageError(f"{file}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        lines = (
            ".".join(map(str, e["loc"] or ("paper",))) + f": {e['msg']}" for e in error.errors()
        )
        raise SoundstageError("\n".join(f"{file}: {line}" for line in lines)) from error


def chosen(what: str, wanted: Sequence[str], of: Mapping[str, Any]) -> list[str]:
    """Return the wanted names, or all; SoundstageError with the nearest for one that is not."""
    for name in wanted:
        if name not in of:
            raise SoundstageError(f"no {what} {name!r}; {registry.nearest(name, of)}")
    return list(wanted or of)
