"""What every file of soundstage/features owes the registry; a new feature is tested by existing."""

import inspect
import pkgutil
import types
import typing
from importlib import import_module

import numpy as np
import pydantic
import pytest

import soundstage.features
from soundstage.store import shards

NAMES = sorted(
    module.name
    for module in pkgutil.iter_modules(soundstage.features.__path__)
    if not module.name.startswith("_")
)
READS_PCM8 = {"psd"}  # the others read float32 samples
READS_EVENTS = {"echonest"}  # of its source, the feature echonest_events
MAY_LACK_VALUES = {"echonest_events"}  # NaN where an event has no such value
SR = 22050
SCALARS = [int, float, bool, str, type(None)] + [
    getattr(pydantic, f"{sign}{kind}")
    for sign in ("Positive", "NonNegative")
    for kind in ("Int", "Float")
]


def feature(name):
    return getattr(import_module(f"soundstage.features.{name}"), name)


def clip(name, n, level=0.2):
    """`n` samples of noise over a tone, as the feature reads them, or the events in them."""
    noise = np.random.default_rng(7).normal(0, level / 4, n)
    y = np.clip(level * np.sin(2 * np.pi * 440 * np.arange(n) / SR) + noise, -1, 1)
    y = np.rint(y * 127).astype(np.int8) if name in READS_PCM8 else y.astype(np.float32)
    if name in READS_EVENTS:
        module = import_module("soundstage.features.echonest_events")
        y = module.echonest_events(y, SR) if n else np.empty((0, len(module.COLUMNS)), np.float32)
    y.flags.writeable = False
    return y


def is_finite(name, array):
    if name in MAY_LACK_VALUES:
        return not np.isinf(array).any() and np.isfinite(array[:, :3]).all()
    return np.isfinite(array).all()


def is_schema(annotation):
    """Whether params.yaml can be checked against the annotation."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return True
    if origin in (tuple, typing.Union, types.UnionType):
        return all(is_schema(a) for a in typing.get_args(annotation) if a is not Ellipsis)
    return annotation in SCALARS


def test_the_folder_holds_features():
    assert {"psd", "mel", "mfcc", "librosa_stats", "tzanetakis", "echonest"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_a_schema(name):
    y, sr, *keywords = inspect.signature(feature(name)).parameters.values()
    hints = typing.get_type_hints(feature(name), include_extras=True)
    assert (y.name, sr.name) == ("y", "sr")
    assert sr.default is inspect.Parameter.empty
    assert hints["sr"] is int
    for parameter in keywords:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert is_schema(hints[parameter.name]), f"{parameter.name}: {hints[parameter.name]}"
        pydantic.TypeAdapter(hints[parameter.name]).validate_python(parameter.default, strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_array_is_as_the_constants_say(name):
    module = import_module(f"soundstage.features.{name}")
    array = feature(name)(clip(name, 3 * SR), SR)
    assert isinstance(module.UNIT, str)
    assert module.UNIT
    assert array.dtype == module.DTYPE
    assert array.ndim == len(module.AXES)
    assert all(isinstance(axis, str) for axis in module.AXES)
    assert array.size > 0
    assert is_finite(name, array)
    assert array.flags.c_contiguous
    if "column" in module.AXES:
        assert array.shape[module.AXES.index("column")] == len(module.COLUMNS)
    if module.AXES == ("column",):
        assert not set(shards.OWN_COLUMNS) & set(module.COLUMNS)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_clip_gives_the_same_array(name):
    y = clip(name, 3 * SR)  # read-only: writing to it raises
    assert feature(name)(y, SR).tobytes() == feature(name)(y.copy(), SR).tobytes()


@pytest.mark.parametrize("level", [0.0, 0.2], ids=["silence", "sound"])
@pytest.mark.parametrize("n", [1, 100, 600, 1024, 2047])
@pytest.mark.parametrize("name", NAMES)
def test_short_clips(name, n, level):
    array = feature(name)(clip(name, n, level), SR)
    module = import_module(f"soundstage.features.{name}")
    assert array.dtype == module.DTYPE
    assert array.ndim == len(module.AXES)
    assert is_finite(name, array)


@pytest.mark.parametrize("name", NAMES)
def test_silence(name):
    assert is_finite(name, feature(name)(clip(name, 3 * SR, level=0.0), SR))


@pytest.mark.parametrize("name", NAMES)
def test_no_samples(name):
    with pytest.raises(ValueError, match=r"no samples|no events"):
        feature(name)(clip(name, 0), SR)
