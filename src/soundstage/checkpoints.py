"""Trained models on disk: `about.json`, and weights that are data, never code.

All weights are arrays in safetensors. No pickle anywhere; and as a file is data from anywhere, all
that it says is checked first, and what it would have built is measured before it is built.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError, create_model
from safetensors.torch import save as serialise
from torch import nn

from soundstage import estimators, registry
from soundstage.errors import SoundstageError
from soundstage.estimators import Estimator
from soundstage.files import write_bytes, write_json
from soundstage.loading import Segments
from soundstage.params import Component, Section
from soundstage.training import device
from soundstage.untrusted_arrays import Slot, UntrustedFileError, read, size

WEIGHTS = "weights.safetensors"
LARGEST_ABOUT = 2**22  # bytes
# What is built of its words alone; weights are built when there is a file of as many.
LARGEST = 2**28  # numbers of one input: more than four hours at 16 kHz
LARGEST_NUMBER = 2**31  # of arguments
MOST_NUMBERS = 64  # of one argument: layers, or values to choose from
LARGEST_BANDS = 2**23  # n_mels * n_fft: a table that is computed, not stored
GIVEN = ("seed", "multilabel")  # to estimators, by training

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class About:
    """What a checkpoint says of itself.

    `train_shares`: the share of training clips in each class; what the baselines know.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    model: str
    kind: str
    arguments: dict[str, Any]
    input_shape: Annotated[Sequence[PositiveInt], Field(min_length=1, max_length=4)]
    classes: Annotated[Sequence[str], Field(min_length=2, max_length=10_000)]
    multilabel: bool
    train_shares: Sequence[Share]


def _is_network(kind: str) -> bool:
    return registry.returns("models", kind).endswith("Module")


def create(about: About, *, seed: int) -> Any:
    """Return an untrained model: an `nn.Module` with seeded weights, or an `Estimator`.

    Raises
    ------
    SoundstageError
        The model cannot read arrays of the view's shape, or is too large to be made.
    """
    if absurd := next(_absurd(about), None):
        raise SoundstageError(f"{about.model}: {absurd} is larger than any model needs; lower it")
    function = registry.component("models", about.kind)
    if not _is_network(about.kind):
        if len(about.input_shape) != 1:
            raise SoundstageError(
                f"{about.model}: reads a row of numbers, not arrays of shape "
                f"{tuple(about.input_shape)}; give it an input such as librosa_stats"
            )
        asked = registry.parameters("models", about.kind)
        given = {"seed": seed, "multilabel": about.multilabel}
        given = {name: value for name, value in given.items() if name in asked}
        pipeline = function(**given, **about.arguments)
        return Estimator(pipeline, np.array(about.train_shares), about.multilabel)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            return function(tuple(about.input_shape), len(about.classes), **about.arguments)
        except ValueError as error:
            raise SoundstageError(f"{about.model}: {error}") from error
        except (MemoryError, OverflowError, RuntimeError) as error:
            raise SoundstageError(
                f"{about.model}: cannot be made with these parameters, of an input of "
                f"{tuple(about.input_shape)}: {str(error)[:200]}; lower its sizes"
            ) from error


def save(model: Any, about: About, folder: Path) -> None:
    """Write a trained model to a folder.

    Raises
    ------
    SoundstageError
        It is one that `load` would refuse.
    """
    write_json(folder / "about.json", asdict(about))
    if isinstance(model, nn.Module):
        state = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        write_bytes(folder / WEIGHTS, serialise(state))
    else:
        estimators.save(model, folder)
    try:
        _read(folder)
    except UntrustedFileError as error:
        raise SoundstageError(
            f"{about.model}: could not be read again: {error}; lower its sizes, or where its "
            "numbers are not finite, its learning rate"
        ) from error


def load(folder: Path) -> tuple[Any, About]:
    """Read a model from a folder. Runs no code from it.

    Raises
    ------
    SoundstageError
        There is none, or what the folder holds is damaged, or not what its `about.json` says.
    """
    try:
        model, about = _read(folder)
        return model.to(device()).eval() if isinstance(model, nn.Module) else model, about
    except FileNotFoundError as error:
        raise SoundstageError(f"{error.filename}: no such file; run `dvc repro train`") from error
    except UntrustedFileError as error:
        raise SoundstageError(f"{folder}: {error}; run `dvc repro --force train`") from error
    except (MemoryError, RuntimeError) as error:  # RuntimeError: how torch says the same
        raise SoundstageError(
            f"{folder}: cannot be held in memory: {str(error)[:200]}; make room, or train a model "
            "of fewer parameters"
        ) from error


def _read(folder: Path) -> tuple[Any, About]:
    about = _read_about(folder / "about.json")
    if not _is_network(about.kind):
        untrained = create(about, seed=0)
        return estimators.load(untrained, about.input_shape[0], folder), about
    arrays = read(folder / WEIGHTS, _layout(about))
    model = create(about, seed=0)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return model, about


def _read_about(file: Path) -> About:
    try:
        size(file, LARGEST_ABOUT)
        about = TypeAdapter(About).validate_json(file.read_bytes())
        if len({len(about.classes), len(set(about.classes)), len(about.train_shares)}) > 1:
            raise UntrustedFileError(f"{file.name}: classes and train_shares do not match")
        fields = registry.parameters("models", about.kind)
        own = {name: field for name, field in fields.items() if name not in GIVEN}
        arguments: Any = create_model(about.kind, __base__=Section, **own)
        checked = arguments.model_validate_json(json.dumps(about.arguments))
        return replace(about, arguments={name: getattr(checked, name) for name in own})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UntrustedFileError(f"{file.name}: {where}: {first['msg']}") from error


def _absurd(about: About) -> Iterator[str]:
    """Yield the names of what is larger than any model needs."""
    if prod(about.input_shape) > LARGEST:
        yield f"input_shape {tuple(about.input_shape)}"
    for name, value in about.arguments.items():
        numbers = value if isinstance(value, tuple | list) else (value,)
        large = any(isinstance(n, int) and n > LARGEST_NUMBER for n in numbers)
        if large or len(numbers) > MOST_NUMBERS:
            yield name
    if about.arguments.get("n_mels", 1) * about.arguments.get("n_fft", 1) > LARGEST_BANDS:
        yield "n_mels times n_fft"


def _layout(about: About) -> dict[str, Slot]:
    """Return what a network's weights must be, from one made without memory for them."""
    with torch.device("meta"):
        state = create(about, seed=0).state_dict()
    return {
        name: Slot(torch.empty(0, dtype=value.dtype).numpy().dtype, tuple(value.shape))
        for name, value in state.items()
    }


def component_about(component: Component, segments: Segments) -> About:
    """Describe a model that is to be trained on some segments of a view."""
    view = segments.view.about
    # Shares of clips, not of segments: a clip counts once however many slices it has.
    clips = segments.rows.unique("track", keep="first", maintain_order=True)
    counts = clips["target"].explode().value_counts()
    count = dict(counts.iter_rows())
    return About(
        model=component.name,
        kind=component.kind,
        arguments=dict(component.arguments),
        input_shape=view.input_shape,
        classes=view.classes,
        multilabel=view.multilabel,
        train_shares=[count.get(i, 0) / len(clips) for i in range(len(view.classes))],
    )


@torch.no_grad()
def predict(model: Any, segments: Segments, *, batch_size: int = 16) -> np.ndarray:
    """Return the probabilities (n, classes) float64 that a model gives each segment.

    They sum to 1 for genres; for tags each is on its own. Estimators read `estimators.ROWS` rows at
    once, whatever `batch_size` is.

    Raises
    ------
    SoundstageError
        The model was trained for another number of classes, cannot read a segment, or answers with
        what is no number.
    """
    about = segments.view.about
    if isinstance(model, Estimator):
        found = [_ask(model, segments, rows) for rows in _batches(len(segments), estimators.ROWS)]
    else:
        where = next(model.parameters()).device
        found = []
        for rows in _batches(len(segments), batch_size):
            X, _ = segments.batch(rows)
            logits = model(torch.from_numpy(X).to(where)).double()
            given = torch.sigmoid(logits) if about.multilabel else logits.softmax(1)
            found.append(given.cpu().numpy())
    probabilities = np.concatenate(found)
    if probabilities.shape[1] != len(about.classes):
        raise SoundstageError(
            f"{about.model}: the checkpoint knows {probabilities.shape[1]} classes, the view "
            f"{len(about.classes)}; run `dvc repro train`"
        )
    if not np.isfinite(probabilities).all():
        raise SoundstageError(
            f"{about.model}: its answers are no numbers; run `dvc repro --force train`"
        )
    return probabilities


def _batches(n: int, size: int) -> list[range]:
    return [range(start, min(start + size, n)) for start in range(0, n, size)]


def _ask(model: Estimator, segments: Segments, rows: range) -> np.ndarray:
    X, _ = segments.batch(rows)
    try:
        return model.predict_proba(X)
    except ValueError as error:
        about = segments.view.about
        raise SoundstageError(f"{about.model}: part {segments.part!r}: {error}") from error
