"""The entries of `datasets`, `features` and `models`, checked against their own signatures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_origin

from pydantic import BeforeValidator, create_model

from soundstage import registry
from soundstage.params.mistakes import Mistakes
from soundstage.params.sections import Section, Segment, Training

# The name by which an entry of each folder says what it reads.
INPUTS = {"datasets": "root", "features": "source", "models": "input"}
# Given to a model by the training code, so not parameters of `params.yaml`.
_FROM_TRAINING = ("seed", "multilabel")


@dataclass(frozen=True)
class Component:
    """An entry of `datasets`, `features` or `models`.

    `arguments` are all keyword arguments of the function, those left at their default included;
    `input` is the waveform or feature that it reads; for a data set its own folder, "" where it
    has none and lies under data/raw; `segment` is how a model cuts its input, if it does.
    """

    name: str
    kind: str
    input: str
    arguments: Mapping[str, Any]
    training: Training | None = None
    segment: Segment | None = None


def components(
    folder: str, entries: Mapping[str, dict[str, Any]], mistakes: Mistakes
) -> dict[str, Component]:
    """Return the entries of a folder that are right, and collect the mistakes of the others."""
    found = {}
    for name, entry in entries.items():
        kind = entry.get("kind", name)
        if kind not in registry.names(folder):
            hint = registry.nearest(str(kind), registry.names(folder))
            mistakes.add((folder, name, "kind"), f"no file {folder}/{kind}.py; {hint}")
            continue
        checked = mistakes.check(_entry_model(folder, kind), entry, (folder, name))
        if checked is None:
            continue
        values = {field: getattr(checked, field) for field in type(checked).model_fields}
        found[name] = Component(
            name=name,
            kind=values.pop("kind"),
            input=values.pop(INPUTS[folder]) or "",
            training=values.pop("training", None),
            segment=values.pop("segment", None),
            arguments=values,
        )
    return found


@cache
def _entry_model(folder: str, kind: str) -> type[Section]:
    """Return the model of one entry: `kind`, what it reads, and its functions' own parameters."""
    fields: dict[str, Any] = {"kind": (str, ...), INPUTS[folder]: (str, ...)}
    if folder == "datasets":
        fields["root"] = (str | None, None)
    if folder == "models":
        fields["segment"] = (Segment | None, None)
        if registry.returns(folder, kind).endswith("Module"):
            fields["training"] = (Training, ...)
    functions = ("fetch", "tracks") if folder == "datasets" else (kind,)
    for function in functions:
        for name, (annotation, default) in registry.parameters(folder, kind, function).items():
            if folder != "models" or name not in _FROM_TRAINING:
                fields[name] = (_list_as_tuple(annotation), default)
    return create_model(kind, __base__=Section, **fields)


def _list_as_tuple(annotation: Any) -> Any:
    """Let a list of the file stand for a tuple of a signature: YAML has no tuples."""
    if get_origin(annotation) is not tuple:
        return annotation
    turned = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
    return Annotated[annotation, turned]
