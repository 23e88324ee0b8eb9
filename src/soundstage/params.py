"""`params.yaml`, typed: every mistake is reported at once, with its line and the nearest name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    create_model,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from soundstage import registry
from soundstage.errors import SoundstageError

Location = tuple[str | int, ...]
Share = Annotated[float, Field(ge=0, lt=1)]

# Given to a model by the training code, so not parameters of `params.yaml`.
_FROM_TRAINING = ("seed", "multilabel")
_INPUTS = ("root", "source", "input")


class Section(BaseModel):
    """A part of `params.yaml`: frozen, strict, nothing unknown allowed."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Decode(Section):
    """Limits under which untrusted audio is decoded."""

    ffmpeg: Literal["bundled", "system"]
    timeout_seconds: PositiveFloat
    max_seconds: PositiveFloat
    max_rejected_share: Share


class Store(Section):
    """The size of a shard."""

    clips_per_shard: PositiveInt


class Waveform(Section):
    """One decoding of every file: mono, at `sr` Hz, stored in `dtype` (int8 is PCM-8)."""

    sr: PositiveInt
    dtype: Literal["int8", "int16", "float16", "float32"]


class Split(Section):
    """Which clips train, validate and test."""

    name: Literal["group", "random"]
    seed: NonNegativeInt
    valid: Share
    test: Share


class Training(Section):
    """What the training loop of a torch model needs."""

    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat


class Evaluation(Section):
    """The bootstrap behind every interval."""

    n_bootstrap: PositiveInt
    seed: NonNegativeInt


class Audit(Section):
    """Where the audit reads decoded audio from."""

    waveform: str


class Rule(Section):
    """How far one metric may move before the gate closes."""

    better: Literal["higher", "lower", "equal"]
    tolerance: NonNegativeFloat


class Top(Section):
    """The whole file; components are checked against their own signatures afterwards."""

    dataset: str
    target: Literal["genre", "tags"]
    model: str
    seed: NonNegativeInt
    decode: Decode
    store: Store
    split: Split
    audit: Audit
    evaluation: Evaluation
    datasets: dict[str, dict[str, Any]]
    waveforms: dict[str, Waveform]
    features: dict[str, dict[str, Any]]
    models: dict[str, dict[str, Any]]
    gate: dict[str, dict[str, Rule]]


@dataclass(frozen=True)
class Component:
    """An entry of `datasets`, `features` or `models`.

    `arguments` are all keyword arguments of the function, those left at their default included;
    `input` is the waveform or feature that it reads; for a data set its own folder, "" where it
    has none and lies under data/raw.
    """

    name: str
    kind: str
    input: str
    arguments: Mapping[str, Any]
    training: Training | None = None


@dataclass(frozen=True)
class Params:
    """The checked content of `params.yaml`."""

    top: Top
    datasets: Mapping[str, Component]
    features: Mapping[str, Component]
    models: Mapping[str, Component]

    @property
    def dataset(self) -> Component:
        """The data set in use."""
        return self.datasets[self.top.dataset]


class _Mistakes:
    """Collects mistakes and finds their lines in the file."""

    def __init__(self, file: Path, document: Any) -> None:
        self.file, self.document = file, document
        self.found: list[tuple[int, str]] = []

    def _line(self, location: Location) -> int:
        node: Any = self.document
        line = 1
        for key in location:
            if not hasattr(node, "lc") or key not in node:
                break
            line = node.lc.key(key)[0] + 1
            node = node[key]
        return line

    def add(self, location: Location, text: str) -> None:
        line, name = self._line(location), ".".join(str(part) for part in location)
        self.found.append((line, f"{self.file.name}:{line}: {name}: {text}"))

    def check(self, model: type[Section], value: Any, location: Location) -> Any:
        """Return `value` as `model`; None, with its mistakes collected, where it is wrong."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            for detail in error.errors():
                self.add((*location, *detail["loc"]), _sentence(detail, model))
            return None


def _sentence(detail: Any, model: type[BaseModel]) -> str:
    location, kind = detail["loc"], detail["type"]
    if kind == "extra_forbidden":
        for part in location[:-1]:  # descend to the section that the unknown name stands in
            field = model.model_fields.get(str(part))
            if field and isinstance(field.annotation, type):
                model = field.annotation
        return f"no such parameter; {registry.nearest(str(location[-1]), model.model_fields)}"
    if kind == "missing":
        return "is missing"
    message = (
        detail["msg"]
        .replace("Input should be", "must be")
        .replace("a valid integer", "an integer")
        .replace("a valid", "a")
    )
    return f"{message}, got {detail['input']!r}"


def _entry_model(folder: str, kind: str) -> type[Section]:
    """Return the model of one entry: `kind`, what it reads, and the function's own parameters."""
    fields: dict[str, Any] = {"kind": (str, ...)}
    if folder == "datasets":
        fields["root"] = (str | None, None)
        return create_model(
            kind, __base__=Section, **fields, **registry.parameters(folder, kind, "fetch")
        )
    fields["source" if folder == "features" else "input"] = (str, ...)
    arguments = registry.parameters(folder, kind)
    if folder == "models":
        arguments = {k: v for k, v in arguments.items() if k not in _FROM_TRAINING}
        if registry.returns(folder, kind).endswith("Module"):
            fields["training"] = (Training, ...)
    return create_model(kind, __base__=Section, **fields, **arguments)


def _components(
    folder: str, entries: dict[str, dict[str, Any]], mistakes: _Mistakes
) -> dict[str, Component]:
    components = {}
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
        components[name] = Component(
            name=name,
            kind=values.pop("kind"),
            input=next((values.pop(f) for f in _INPUTS if f in values), None) or "",
            training=values.pop("training", None),
            arguments=values,
        )
    return components


def load(file: Path = Path("params.yaml")) -> Params:
    """Read and check a parameter file.

    Raises
    ------
    SoundstageError
        Names every mistake, one a line: `params.yaml:14: features.mel.n_mel: no such parameter;
        did you mean 'n_mels'?`
    """
    try:
        text = file.read_text("utf-8")
        document = YAML(typ="rt").load(text)  # knows the lines
        value = YAML(typ="safe", pure=True).load(text)  # YAML 1.2: 1e-3 is a number
    except FileNotFoundError:
        raise SoundstageError(f"{file}: no such file; run in the project's folder") from None
    except YAMLError as error:
        raise SoundstageError(f"{file.name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise SoundstageError(f"{file.name}: must be a mapping of parameters")

    mistakes = _Mistakes(file, document)
    top = mistakes.check(Top, value, ())
    parts = {
        folder: _components(folder, entries, mistakes)
        for folder in ("datasets", "features", "models")
        if isinstance(entries := value.get(folder), dict)
        and all(isinstance(entry, dict) for entry in entries.values())
    }
    _check_references(value, mistakes)
    if mistakes.found or top is None:
        raise SoundstageError("\n".join(text for _, text in sorted(mistakes.found)))
    return Params(top, **parts)


def _reads_itself(name: str, features: dict[str, Any]) -> bool:
    source: Any = name
    for _ in features:
        entry = features.get(source)
        source = entry.get("source") if isinstance(entry, dict) else None
        if source == name or not isinstance(source, str):
            break
    return source == name


def _check_references(value: dict[str, Any], mistakes: _Mistakes) -> None:
    """Check that every name that stands for another entry names one."""

    def section(name: str) -> dict[str, Any]:
        found = value.get(name)
        return found if isinstance(found, dict) else {}

    def refer(location: Location, choices: dict[str, Any]) -> None:
        node: Any = value
        for key in location:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, str) and node not in choices:
            mistakes.add(location, f"no {node!r}; {registry.nearest(node, choices)}")

    waveforms, features = section("waveforms"), section("features")
    refer(("dataset",), section("datasets"))
    refer(("model",), section("models"))
    refer(("audit", "waveform"), waveforms)
    for name in features:
        refer(("features", name, "source"), waveforms | features)
        if _reads_itself(name, features):
            mistakes.add(("features", name, "source"), "the feature is made from itself")
        if name in waveforms:
            mistakes.add(("features", name), "is a waveform's name too; choose another")
    for name in section("models"):
        refer(("models", name, "input"), waveforms | features)
    split = section("split")
    shares = [s for part in ("valid", "test") if isinstance(s := split.get(part), float)]
    if sum(shares) >= 1:
        mistakes.add(
            ("split", "test"),
            f"valid and test take {sum(shares):g} of the clips; leave some to train on",
        )
