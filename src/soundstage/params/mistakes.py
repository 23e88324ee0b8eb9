"""Mistakes in `params.yaml`: collected with their lines in the file, and put in words."""

from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

from soundstage import registry

Location = tuple[str | int, ...]


class Mistakes:
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
        """Collect a mistake at a place in the file."""
        line, name = self._line(location), ".".join(str(part) for part in location)
        self.found.append((line, f"{self.file.name}:{line}: {name}: {text}"))

    def check(self, model: type[BaseModel], value: Any, location: Location) -> Any:
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
