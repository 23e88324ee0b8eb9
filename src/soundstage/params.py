"""`params.yaml`, typed: every mistake is reported at once, with its line and the nearest name."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
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
    """Limits under which untrusted audio is decoded, see `soundstage.audio.Limits`."""

    ffmpeg: Literal["bundled", "system"]
    timeout_seconds: PositiveFloat
    min_seconds: NonNegativeFloat = 0.1
    max_seconds: PositiveFloat
    max_bytes: PositiveInt = 2_000_000_000
    min_rate: PositiveInt = 4000
    max_rate: PositiveInt = 384_000
    max_channels: PositiveInt = 64
    silence: Literal["accept", "quarantine"] = "accept"
    max_rejected_share: Share

    @property
    def shaping(self) -> dict[str, Any]:
        """Those that shape what the store holds."""
        return self.model_dump(exclude={"ffmpeg", "timeout_seconds", "max_rejected_share"})


class Store(Section):
    """The size of a shard."""

    clips_per_shard: PositiveInt


class Waveform(Section):
    """One decoding of every file: mono, at `sr` Hz, stored in `dtype` (int8 is PCM-8)."""

    sr: PositiveInt
    dtype: Literal["int8", "int16", "float16", "float32"]


class Split(Section):
    """Which clips train, validate and test."""

    name: str
    seed: NonNegativeInt
    valid: Share
    test: Share
    folds: Annotated[int, Field(ge=3)] | None
    fold: NonNegativeInt


class Segment(Section):
    """How a model cuts clips: the first `count` pieces (or all) of `length` along the last axis."""

    length: PositiveInt
    count: PositiveInt | None = None


class Shared(Section):
    """How all networks are trained; a network's own `training` entry may say otherwise.

    `keep`: the epoch of the lowest validation loss, or the last, as several papers do. `patience`:
    so many epochs after the best one training ends; 0: never early. `weight_decay`: Adam's L2.
    `clip_norm`: what longer gradients are shortened to; 0: nothing. `precision` and `compile` act
    on a GPU only. `data`: where a part of a view is held while training, see `batches.Batches`.
    """

    keep: Literal["best", "last"] = "best"
    patience: NonNegativeInt = 0
    weight_decay: NonNegativeFloat = 0.0
    clip_norm: NonNegativeFloat = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    data: Literal["auto", "device", "host"] = "auto"


class Training(Shared):
    """What the training loop of a network needs."""

    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat

    def over(self, shared: Shared) -> "Training":
        """Return this entry, with `shared` for what it leaves unsaid."""
        return Training(**shared.model_dump() | self.model_dump(exclude_unset=True))


class Evaluation(Section):
    """The bootstrap behind every interval; what counts as right among the first k; who votes.

    A segment votes if its highest probability is above `vote_over`; 0.0: all do.
    """

    n_bootstrap: PositiveInt
    seed: NonNegativeInt
    top_k: list[PositiveInt] = [2, 3]
    vote_over: Share = 0.0


class Audit(Section):
    """Where the audit reads decoded audio and landmarks from.

    Clips are near-duplicates where the share `near_share` of their landmarks agrees.
    """

    waveform: str
    landmarks: str
    near_share: Share


class Rule(Section):
    """How far one metric may move before the gate closes."""

    better: Literal["higher", "lower", "equal"]
    tolerance: NonNegativeFloat


class Top(Section):
    """The whole file; components are checked against their own signatures afterwards."""

    dataset: str
    target: Literal["auto", "genre", "tags"]
    model: str
    seed: NonNegativeInt
    decode: Decode
    store: Store
    split: Split
    audit: Audit
    evaluation: Evaluation
    training: Shared
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
    has none and lies under data/raw; `segment` is how a model cuts its input, if it does.
    """

    name: str
    kind: str
    input: str
    arguments: Mapping[str, Any]
    training: Training | None = None
    segment: Segment | None = None


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

    def __init__(self, file: Path, text: str) -> None:
        self.file, self._text = file, text
        self.found: list[tuple[int, str]] = []

    @cached_property
    def document(self) -> Any:
        """The file's content with its lines, which takes time to parse and is seldom needed."""
        return YAML(typ="rt").load(self._text)

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


@cache
def _entry_model(folder: str, kind: str) -> type[Section]:
    """Return the model of one entry: `kind`, what it reads, and the function's own parameters."""
    fields: dict[str, Any] = {"kind": (str, ...)}
    if folder == "datasets":
        fields["root"] = (str | None, None)
        for function in ("fetch", "tracks"):
            fields |= registry.parameters(folder, kind, function)
        return create_model(kind, __base__=Section, **fields)
    fields["source" if folder == "features" else "input"] = (str, ...)
    arguments = registry.parameters(folder, kind)
    if folder == "models":
        fields["segment"] = (Segment | None, None)
        arguments = {k: v for k, v in arguments.items() if k not in _FROM_TRAINING}
        if registry.returns(folder, kind).endswith("Module"):
            fields["training"] = (Training, ...)
    return create_model(kind, __base__=Section, **fields, **_lists_as_tuples(arguments))


def _lists_as_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Let a list of the file stand for a tuple of a signature: YAML has no tuples."""

    def turned(value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    return {
        name: (Annotated[kind, BeforeValidator(turned)], default)
        if get_origin(kind) is tuple
        else (kind, default)
        for name, (kind, default) in fields.items()
    }


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
            segment=values.pop("segment", None),
            arguments=values,
        )
    return components


@lru_cache(maxsize=1)
def _parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)  # YAML 1.2: 1e-3 is a number


def _set(value: dict[str, Any], name: str, to: Any) -> None:
    """Set a value by its dotted name."""
    *above, last = name.split(".")
    for part in above:
        value = value.setdefault(part, {})
    value[last] = to


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
    try:
        text = file.read_text("utf-8")
        value = _parsed(text)
    except FileNotFoundError:
        raise SoundstageError(f"{file}: no such file; run in the project's folder") from None
    except YAMLError as error:
        raise SoundstageError(f"{file.name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise SoundstageError(f"{file.name}: must be a mapping of parameters")
    value = copy.deepcopy(value)
    for name, to in (changes or {}).items():
        _set(value, name, to)

    mistakes = _Mistakes(file, text)
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
    parts["models"] = {
        name: replace(model, training=model.training and model.training.over(top.training))
        for name, model in parts["models"].items()
    }
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
    refer(("audit", "landmarks"), features)
    for name in features:
        refer(("features", name, "source"), waveforms | features)
        if _reads_itself(name, features):
            mistakes.add(("features", name, "source"), "the feature is made from itself")
        if name in waveforms:
            mistakes.add(("features", name), "is a waveform's name too; choose another")
    for name in section("models"):
        refer(("models", name, "input"), waveforms | features)
    split = section("split")
    folds, fold = split.get("folds"), split.get("fold")
    if isinstance(folds, int) and isinstance(fold, int) and fold >= folds:
        mistakes.add(("split", "fold"), f"must be less than folds = {folds}, got {fold}")
    shares = [s for part in ("valid", "test") if isinstance(s := split.get(part), float)]
    if sum(shares) >= 1:
        mistakes.add(
            ("split", "test"),
            f"valid and test take {sum(shares):g} of the clips; leave some to train on",
        )
