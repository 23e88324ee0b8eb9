"""What a stage began with, and what of it has changed since.

DVC reads a stage's parameters, code and inputs again when it has ended, and records them as what
made its outputs. Where a branch was checked out meanwhile, or a parameter edited, the new values
would stand beside the old numbers, and nothing would ever be stale: so such a stage fails.
"""

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundstage.errors import SoundstageError

PACKAGE = Path(__file__).parent
PARAMS, PIPELINE = Path("params.yaml"), Path("dvc.yaml")

Mark = tuple[int, int, int]  # size, modification time in ns, inode
Code = dict[str, tuple[Mark, bytes]]  # by path

_code: Code = {}  # as this process, or the stage of this worker, began with it
_shared: Any = None  # the file that tells workers of it
_NAMED = 3  # changes that an error names


def mark(file: str | os.PathLike[str]) -> Mark | None:
    """Return what tells a file from another that takes its place; None where there is none."""
    try:
        status = os.stat(file)  # noqa: PTH116, as fast as it can be
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def note_code(code: Code | None = None) -> None:
    """Note soundstage's code and that of the stage as they are now, or as `code` says they were."""
    if code is None:
        script = getattr(sys.modules["__main__"], "__file__", None)
        scripts = Path(script).resolve().parent.glob("*.py") if script else ()
        files = [str(file) for file in (*PACKAGE.rglob("*.py"), *scripts)]
        code = {file: (now, Path(file).read_bytes()) for file in files if (now := mark(file))}
    _code.update(code)


def noted_code() -> str:
    """Return the path of a file that holds the code that was noted, "" if none was.

    It is for worker processes, and goes with this one. What a worker is sent itself has to fit in a
    pipe: one that is killed before it reads more would keep its stage waiting for ever.
    """
    global _shared
    if _code and _shared is None:
        import tempfile

        _shared = tempfile.NamedTemporaryFile("w", suffix=".json")  # noqa: SIM115
        json.dump({name: (known, text.decode()) for name, (known, text) in _code.items()}, _shared)
        _shared.flush()
    return _shared.name if _shared else ""


def note_code_of(file: str) -> None:
    """Note the code that the stage of this worker has noted in a file, see `noted_code`."""
    if file:
        with open(file, encoding="utf-8") as noted:  # noqa: PTH123
            known = json.load(noted)
        note_code({name: (tuple(mark), text.encode()) for name, (mark, text) in known.items()})


def check_code() -> None:
    """Raise SoundstageError if code that this process has imported is not as it was noted.

    Comments and docstrings are no code.
    """
    if _code:
        _refuse([_said(file) for file in sorted(_imported()) if _is_other_code(file)])


def _imported() -> set[str]:
    """Return the files of the soundstage that this process has imported, and of its stage."""
    found = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and (name.partition(".")[0] == "soundstage" or file in _code):
            found.add(file)
    return found


def _is_other_code(file: str) -> bool:
    from soundstage.syntax import alike

    before, text = _code.get(file, (None, b""))
    if mark(file) == before:
        return False
    try:
        return not alike(Path(file).read_bytes().decode(), text.decode())
    except (OSError, SyntaxError, ValueError):  # it is gone, or no code any more
        return True


@dataclass(frozen=True)
class Given:
    """What DVC records of a stage: its parameters' names, and of each input file what marks it.

    `params` is what `params.yaml` says in `text`.
    """

    text: str
    params: Mapping[str, Any]
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    marks: Mapping[str, Mark | None]


def given(stage: str, text: str) -> Given:
    """Return what `dvc.yaml` gives to a stage, with the parameters of a text of `params.yaml`.

    `stage` is the name by which DVC calls it, such as `features@mel`.
    """
    from soundstage.params.reading import parsed

    params = parsed(text)
    pipeline = PIPELINE.read_text("utf-8") if PIPELINE.exists() else ""
    entry = _entry(pipeline, stage.rpartition(":")[2], params)
    names, inputs = (tuple(entry.get(key) or ()) for key in ("params", "deps"))
    return Given(text, params, names, inputs, _marks(inputs))


def check(before: Given) -> None:
    """Raise SoundstageError that names what has changed of what a stage was given, or imported."""
    now = _marks(before.inputs)
    files = {f for f in before.marks.keys() | now.keys() if before.marks.get(f) != now.get(f)}
    other = {f for f in files if not f.endswith(".py") or _is_other_code(str(Path(f).resolve()))}
    imported = {file for file in _imported() if _is_other_code(file)} if _code else set()
    _refuse(sorted({*map(_said, other | imported)}), _other_parameters(before))


def _refuse(files: list[str], parameters: list[str] | None = None) -> None:
    if not files and not parameters:
        return
    names = [*([PARAMS.name] if parameters else []), *files]
    details = f": {_some(parameters)}" if parameters else ""
    raise SoundstageError(f"{_some(names)} changed while this stage ran{details}; run again")


def _some(words: list[str]) -> str:
    return ", ".join([*words[:_NAMED], *(["..."] if len(words) > _NAMED else [])])


def _said(file: str) -> str:
    return os.path.relpath(file)


def _other_parameters(before: Given) -> list[str]:
    """Return what `params.yaml` now says otherwise of a stage's parameters, as `seed 0 -> 1`."""
    from soundstage.params.reading import read

    text, params = read(PARAMS)
    if text == before.text:
        return []
    found = []
    for name in before.names:
        old, new = (dict(_leaves(_value(known, name), name)) for known in (before.params, params))
        for leaf in {**old, **new}:
            if (said := _shown(old, leaf)) != (says := _shown(new, leaf)):
                found.append(f"{leaf} {said} -> {says}")
    return found


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}")
    else:
        yield name, value


def _shown(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "nothing" if value is None else str(value)


def _value(params: Any, name: str) -> Any:
    """Return a value by its dotted name; None where there is none."""
    for part in name.split("."):
        params = params.get(part) if isinstance(params, dict) else None
    return params


def _entry(pipeline: str, stage: str, params: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the entry of a stage of `dvc.yaml`, with values in place of its `${...}`.

    Only the lines of that entry are parsed: all of them would take 20 ms.
    """
    from ruamel.yaml import YAML

    name, _, key = stage.partition("@")
    lines = re.search(rf"^  {re.escape(name)}:.*\n(?:(?: {{4}}.*)?\n)*", pipeline, re.M)
    if not lines:
        return {}
    text, known = lines[0], dict(params)
    entry = YAML(typ="safe", pure=True).load(text)[name]
    if "foreach" in entry:
        every = re.sub(r"\W", "", str(entry["foreach"]))
        known |= {"key": key, "item": _value(params, f"{every}.{key}")}
        entry = entry["do"]

    def filled(word: str) -> str:
        return re.sub(r"\$\{([\w.]+)\}", lambda found: str(_value(known, found[1])), word)

    return {part: [filled(word) for word in entry.get(part) or ()] for part in ("params", "deps")}


def _marks(paths: Iterable[str]) -> dict[str, Mark | None]:
    """Return the mark of each file, and of each file in each folder; compiled code aside."""
    found: dict[str, Mark | None] = {}
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112
            found[path] = mark(path)
            continue
        with contextlib.suppress(OSError):  # gone meanwhile
            inner = [e.path for e in os.scandir(path) if e.name != "__pycache__"]
            found |= _marks(inner)
    return found
