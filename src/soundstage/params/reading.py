"""`load`: from the file `params.yaml` to what it says, checked."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from soundstage.errors import SoundstageError
from soundstage.params.entries import INPUTS, Component, components
from soundstage.params.mistakes import Mistakes
from soundstage.params.references import check_references
from soundstage.params.sections import Top


@dataclass(frozen=True)
class Params:
    """The checked content of `params.yaml`; `text` is what stands in the file."""

    top: Top
    datasets: Mapping[str, Component]
    features: Mapping[str, Component]
    models: Mapping[str, Component]
    text: str = field(default="", compare=False, repr=False)

    @property
    def dataset(self) -> Component:
        """The data set in use."""
        return self.datasets[self.top.dataset]


def load(file: Path = Path("params.yaml"), changes: Mapping[str, Any] | None = None) -> Params:
    """Read and check a parameter file.

    Parameters
    ----------
    changes: values by dotted name that take the place of the file's, as `-S` of `dvc exp run`.

    Raises
    ------
    SoundstageError
        Names every mistake, one a line: `params.yaml:14: features.mel.n_mel: no such parameter;
        did you mean 'n_mels'?`
    """
    text, value = read(file)
    for name, to in (changes or {}).items():
        _set(value, name, to)

    mistakes = Mistakes(file, text)
    top = mistakes.check(Top, value, ())
    parts = {
        folder: components(folder, entries, mistakes)
        for folder in INPUTS
        if isinstance(entries := value.get(folder), dict)
        and all(isinstance(entry, dict) for entry in entries.values())
    }
    check_references(value, mistakes)
    if mistakes.found or top is None:
        raise SoundstageError("\n".join(text for _, text in sorted(mistakes.found)))
    parts["models"] = {
        name: replace(model, training=model.training and model.training.over(top.training))
        for name, model in parts["models"].items()
    }
    return Params(top, text=text, **parts)


def read(file: Path) -> tuple[str, dict[str, Any]]:
    """Return a parameter file's text and its content, not checked yet; SoundstageError if bad."""
    try:
        text = file.read_text("utf-8")
        value = parsed(text)
    except FileNotFoundError:
        raise SoundstageError(f"{file}: no such file; run in the project's folder") from None
    except YAMLError as error:
        raise SoundstageError(f"{file.name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise SoundstageError(f"{file.name}: must be a mapping of parameters")
    return text, copy.deepcopy(value)


@lru_cache(maxsize=1)
def parsed(text: str) -> Any:
    """Return what a text of YAML says, not checked and not to be changed."""
    return YAML(typ="safe", pure=True).load(text)  # YAML 1.2: 1e-3 is a number


def _set(value: dict[str, Any], name: str, to: Any) -> None:
    """Set a value by its dotted name."""
    *above, last = name.split(".")
    for part in above:
        value = value.setdefault(part, {})
    value[last] = to
