"""Read thousands of mutated checkpoints: each must be refused with a reason, or answer in numbers.

    python benchmarks/fuzz_models.py [--mutations N] [--seed S]

Bytes are changed anywhere; numbers of arrays and arguments become what leads out of memory where it
is believed, and arrays get other lengths. A child process does the work, with little more memory
than untouched checkpoints take, so that a crash, a hang or greed is noticed.
"""

import json
import resource
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fuzz
import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from soundstage import checkpoints, registry
from soundstage.checkpoints import About
from soundstage.errors import SoundstageError
from soundstage.estimators import Estimator

COLUMNS, ROWS = 12, 60
MEMORY = 2**29  # bytes that the process may take besides
SECONDS = 20  # for one checkpoint
LARGEST = 10**6  # numbers of a row that is asked
LACK = ("memory", "bad_alloc", "cannot be held")  # words that no verdict may have
SMALL: dict[str, dict[str, Any]] = {
    "knn": {"k": 3},
    "mlp": {"hidden": (4,), "learning_rate": 0.05},
    "random_forest": {"n_estimators": 3, "max_depth": 4},
    "xgboost": {"n_estimators": 4, "max_depth": 3},
    "xgboost_forest": {"n_estimators": 3, "max_depth": 4},
}
NETWORKS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "stats_cnn": ((COLUMNS,), {}),
    "mfcc_mlp": ((4, COLUMNS), {"hidden": (8, 4)}),
    "mel_rescnn": ((2048,), {"sr": 8000, "n_fft": 256, "n_mels": 8, "channels": 4, "hidden": (4,)}),
}
EXTREMES: tuple[Any, ...] = (
    *(-1, 0, 1, 2, 7, 255, 2**15, 2**20, 2**28, 2**31 - 1, -(2**31), 2**40, 2**63, 10**30),
    *(0.5, 1e-300, 1e300, float("inf"), float("nan"), "", "none", None, True, [], [[1]], {}),
)  # fmt: skip


def write_valid(folder: Path) -> list[Path]:
    """Write a checkpoint of each kind, trained on a few rows, where there is none yet."""
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), ROWS // 3)
    X = 2 * rng.normal(size=(3, COLUMNS))[y] + rng.normal(size=(ROWS, COLUMNS))
    found = []
    kinds = [n for n in registry.names("models") if registry.returns("models", n) == "Pipeline"]
    for kind in [*kinds, *NETWORKS]:
        for multilabel in (False, True):
            shape, arguments = NETWORKS.get(kind, ((COLUMNS,), SMALL.get(kind, {})))
            shares = [2 / 3, 1 / 3, 1 / 3] if multilabel else [1 / 3] * 3
            about = About(kind, kind, arguments, shape, ("a", "b", "c"), multilabel, shares)
            found.append(folder / f"{kind}{'-tags' if multilabel else ''}")
            if found[-1].exists():
                continue
            model = checkpoints.create(about, seed=0)
            if isinstance(model, Estimator):
                tags = np.stack([y < 2, y == 0, y == 1], axis=1)
                model.fit(X, tags if multilabel else y, np.arange(ROWS))
            else:
                model.load_state_dict(
                    {name: value.nan_to_num(nan=1.0) for name, value in model.state_dict().items()}
                )
            checkpoints.save(model, about, found[-1])
    return found


def _bytes(folder: Path, rng: np.random.Generator) -> None:
    file = _weights(folder) if rng.random() < 0.7 else folder / "about.json"
    change = fuzz.HARMFUL[rng.integers(len(fuzz.HARMFUL))]
    file.write_bytes(change(file.read_bytes(), rng))


def _number(folder: Path, rng: np.random.Generator) -> None:
    """Put an extreme number, or that of another place, into an array."""
    arrays = load_file(_weights(folder))
    array = arrays[_choice(list(arrays), rng)].reshape(-1)
    place = int(rng.integers(len(array)))
    if rng.random() < 0.3:
        array[place] = array[rng.integers(len(array))]
    elif array.dtype.kind == "f":
        array[place] = rng.choice([0, -1, 0.5, 1e30, -1e30, 1e-30, np.inf, np.nan])
    else:
        limits = np.iinfo(array.dtype)
        wild = [-2, -1, 0, 1, 2, 5, 100, 10**6, limits.min, limits.max]
        array[place] = int(_choice(wild, rng))
    save_file(arrays, _weights(folder))


def _length(folder: Path, rng: np.random.Generator) -> None:
    """Give an array, or all with an axis of its length, another length, shape or type."""
    arrays = load_file(_weights(folder))
    chosen = arrays[_choice(list(arrays), rng)]
    n = len(chosen) if chosen.ndim else 1
    new = int(_choice([0, 1, n - 1, n + 1, 2 * n], rng))
    alone = rng.random() < 0.4
    for name, array in arrays.items():
        if array.ndim and len(array) == n and (array is chosen or not alone):
            arrays[name] = np.resize(array, (new, *array.shape[1:]))
    if rng.random() < 0.3:
        name = _choice(list(arrays), rng)
        arrays[name] = _choice([arrays[name].T, arrays[name].astype(np.int16)], rng).copy()
    save_file(arrays, _weights(folder))


def _argument(folder: Path, rng: np.random.Generator) -> None:
    """Put something else in the place of a value of `about.json`, or of an argument."""
    file = folder / "about.json"
    about = json.loads(file.read_text())
    place = about["arguments"] if about["arguments"] and rng.random() < 0.6 else about
    name = _choice(list(place), rng)
    value = _choice(EXTREMES, rng)
    if isinstance(place[name], list) and rng.random() < 0.7:
        value = [_choice(EXTREMES, rng) for _ in range(int(rng.integers(1, 5)))]
    place[name] = value
    file.write_text(json.dumps(about))


def _kind(folder: Path, rng: np.random.Generator) -> None:
    """Say that it is a model of another kind, with its defaults."""
    file = folder / "about.json"
    about = json.loads(file.read_text())
    about |= {"kind": _choice(registry.names("models"), rng), "arguments": {}}
    file.write_text(json.dumps(about))


MUTATIONS: tuple[Callable[[Path, np.random.Generator], None], ...] = (
    _bytes, _bytes, _number, _number, _number, _length, _argument, _argument, _kind
)  # fmt: skip


def _choice(values: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


def _weights(folder: Path) -> Path:
    return next(folder.glob("*.safetensors"))


def outcome(folder: Path) -> str:
    """Return `refused` or `answers`; AssertionError where it is neither."""
    try:
        model, about = checkpoints.load(folder)
        if prod(about.input_shape) > LARGEST:  # trees alone hold no array as long as a row
            return "answers"
        X = np.zeros((5, *about.input_shape), np.float32)
        X[1:] = np.random.default_rng(0).normal(size=(4, *about.input_shape))
        answers = checkpoints.predict(model, _Rows(about, X))  # type: ignore[arg-type]
    except SoundstageError as error:
        said = str(error)
        if any(word in said for word in LACK):
            raise AssertionError(f"takes too much memory: {said}") from error
        return "refused"
    assert answers.shape == (5, len(about.classes)), answers.shape
    assert ((answers >= 0) & (answers <= 1)).all(), answers
    return "answers"


class _Rows:
    """As `loading.Segments`, of rows in memory."""

    def __init__(self, about: About, X: np.ndarray) -> None:
        self.part, self.view, self.X = "test", SimpleNamespace(about=about), X

    def __len__(self) -> int:
        return len(self.X)

    def batch(self, indices: Any) -> tuple[np.ndarray, None]:
        return self.X[list(indices)], None


def _child(folder: Path, first: int, last: int, seed: int) -> None:
    torch.set_num_threads(1)
    valid = write_valid(folder)
    for each in valid:
        assert outcome(each) == "answers", each
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for i in range(first, last):
        rng = np.random.default_rng([seed, i])
        kind = valid[i % len(valid)]
        mutated = shutil.copytree(kind, folder / f"{i}-{kind.name}")
        mutation = _choice(MUTATIONS, rng)
        mutation(mutated, rng)
        signal.alarm(SECONDS)
        verdict = outcome(mutated)
        signal.alarm(0)
        shutil.rmtree(mutated)
        print(mutation.__name__.strip("_"), kind.name, verdict, sep="\t", flush=True)


def run(folder: Path, mutations: int, seed: int) -> tuple[Counter, list[str]]:
    """Judge mutations in child processes; return how many got which verdict, and what went wrong.

    The verdicts are `refused` and `answers`.
    """
    write_valid(folder)
    return fuzz.in_children(__file__, folder, mutations, seed)


if __name__ == "__main__":
    fuzz.main(__doc__, run, _child)
