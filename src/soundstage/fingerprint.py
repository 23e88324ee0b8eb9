"""What makes a computed number stale: code, parameters, source, libraries.

The code is read as syntax, with comments and docstrings taken out, together with every file of
soundstage that it imports. So there is no version constant to forget, and a better comment costs
nothing.
"""

import ast
import hashlib
import importlib.metadata
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from soundstage import syntax
from soundstage.registry import PACKAGE

# Shape the numbers of nearly everything, also where a file reaches them only through librosa.
_ALWAYS = ("numpy", "scipy")
_THROUGH = {"librosa": ("soxr",)}  # a library -> others that shape what it gives
_SHAPE_NOTHING = {"pydantic", "filelock"}  # say what parameters may be; keep compiled kernels
_ON_GPU = PACKAGE / "dsp" / "cuda.py"  # its code and torch count where a feature's device is a GPU


def digest(value: Any) -> str:
    """Return a short hex digest of a JSON-able value (sorted keys, so order does not matter)."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _project_file(module: str) -> Path | None:
    path = PACKAGE.parent.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


@cache
def _read(file: Path) -> tuple[str, frozenset[Path], frozenset[str]]:
    """Return a file's normalised code, the project files and the libraries that it imports."""
    tree = syntax.parsed(file.read_text("utf-8"))
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    project = {f for m in modules if m.startswith("soundstage") and (f := _project_file(m))}
    project -= {PACKAGE / "__init__.py"}  # `from soundstage import audio` does not mean all of it
    tops = {m.partition(".")[0] for m in modules}
    libraries = tops - {"soundstage"} - set(sys.stdlib_module_names) - _SHAPE_NOTHING
    return ast.unparse(tree), frozenset(project), frozenset(libraries)


def _closure(
    file: Path, device: str = "cpu"
) -> dict[Path, tuple[str, frozenset[Path], frozenset[str]]]:
    found: dict[Path, tuple[str, frozenset[Path], frozenset[str]]] = {}
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current not in found and (device != "cpu" or current != _ON_GPU):
            found[current] = _read(current)
            waiting.extend(found[current][1])
    return found


def code(file: Path, device: str = "cpu") -> dict[str, str]:
    """Return the digests of a file's code and of all project files it imports, itself included."""
    found = _closure(file, device).items()
    read = {f.relative_to(PACKAGE).as_posix(): text for f, (text, _, _) in found}
    return {name: digest(read[name]) for name in sorted(read)}


def code_digest(file: Path) -> str:
    """Return one digest of all that `code` returns."""
    return digest(code(file))


@cache
def _installed() -> list[tuple[importlib.metadata.Distribution, str]]:
    """Return every installed distribution, and the names of its modules and files, one a line."""
    found = importlib.metadata.distributions()
    lists = ("top_level.txt", "RECORD")
    return [(d, "\n".join(["", *(d.read_text(name) or "" for name in lists)])) for d in found]


@cache
def _distribution(module: str) -> str:
    """Return the name of the distribution that gives a top-level module.

    By a search in texts: `importlib.metadata.packages_distributions`, which looks at each file of
    each, would take half of the time of a stage that has nothing to do.
    """
    lines = [f"\n{module}{end}" for end in ("/", ".", "\n")]
    for distribution, files in _installed():
        if any(line in files for line in lines):
            return distribution.name
    return module


def libraries(file: Path, device: str = "cpu") -> dict[str, str]:
    """Return the installed versions of the libraries that a file and its project files import."""
    read = _closure(file, device).values()
    tops = {library for _, _, imported in read for library in imported} | set(_ALWAYS)
    through = {name for top in tops for name in _THROUGH.get(top, ())}
    distributions = {_distribution(top) for top in tops | through}
    return {name: importlib.metadata.version(name) for name in sorted(distributions)}
