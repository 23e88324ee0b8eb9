"""The folders are the registries: `features/mel.py` is the feature `mel`; no list names it.

Names and signatures are read from the source text, not by importing: a feature imports librosa and
a model imports torch, seconds that the light stages need not pay to check a parameter.
"""

import ast
import difflib
import importlib
import typing
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pydantic

from soundstage.errors import SoundstageError

PACKAGE = Path(__file__).parent

# What an annotation of a component's parameter may be built from.
_VOCABULARY = {
    "Literal": typing.Literal,
    "PositiveInt": pydantic.PositiveInt,
    "NonNegativeInt": pydantic.NonNegativeInt,
    "PositiveFloat": pydantic.PositiveFloat,
    "NonNegativeFloat": pydantic.NonNegativeFloat,
}


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return a hint that ends an error about an unknown `name`: the nearest choice, or all."""
    choices = sorted(choices)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"choose from: {', '.join(choices)}" if choices else "there is none to choose from"


def names(folder: str) -> tuple[str, ...]:
    """Return the components of a folder (`datasets`, `features` or `models`), sorted."""
    files = (PACKAGE / folder).glob("*.py")
    return tuple(sorted(f.stem for f in files if not f.stem.startswith("_")))


def source_file(folder: str, name: str) -> Path:
    """Return the file of a component; SoundstageError with the nearest name if there is none."""
    if name not in names(folder):
        raise SoundstageError(f"{folder}: no {name!r}; {nearest(name, names(folder))}")
    return PACKAGE / folder / f"{name}.py"


def load(folder: str, name: str) -> ModuleType:
    """Import a component's module."""
    source_file(folder, name)
    return importlib.import_module(f"soundstage.{folder}.{name}")


def component(folder: str, name: str) -> typing.Callable[..., Any]:
    """Import a component: the function that bears its file's name."""
    return getattr(load(folder, name), name)


@cache
def _definition(file: Path, function: str) -> ast.FunctionDef:
    """Return a function's definition, in the file or in the one of this package it comes from."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return node
        if isinstance(node, ast.ImportFrom) and function in {alias.name for alias in node.names}:
            module = (node.module or "").removeprefix(f"{__package__}.")
            return _definition(PACKAGE.joinpath(*module.split(".")).with_suffix(".py"), function)
    raise SoundstageError(f"{file.name}: defines no function {function!r}; name it as its file")


def returns(folder: str, name: str) -> str:
    """Return a component's return annotation as written, e.g. `nn.Module`."""
    annotation = _definition(source_file(folder, name), name).returns
    return ast.unparse(annotation) if annotation else ""


def parameters(folder: str, name: str, function: str | None = None) -> dict[str, Any]:
    """Return the keyword-only parameters of a component as pydantic fields.

    Returns
    -------
    name -> (annotation, default), the default `...` where the signature has none.
    """
    arguments = _definition(source_file(folder, name), function or name).args
    fields = {}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if argument.annotation is None:
            raise SoundstageError(f"{folder}/{name}.py: {argument.arg!r} needs a type annotation")
        code = compile(ast.Expression(argument.annotation), f"{folder}/{name}.py", "eval")
        annotation = eval(code, dict(_VOCABULARY))
        fields[argument.arg] = (annotation, ... if default is None else ast.literal_eval(default))
    return fields
