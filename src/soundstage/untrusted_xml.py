"""XML from the network as a small tree, read under limits.

A file that is not a regular file, is too large, too deep or has too many elements, or declares an
entity (which is how a kilobyte of XML becomes a gigabyte, or reads another file) is refused.
"""

import math
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

MAX_BYTES = 32 * 2**20
MAX_ELEMENTS = 500_000
GREATEST = 1e12  # no quantity here is greater, and float32 still holds it
MAX_DEPTH = 32


class XmlFaultError(Exception):
    """What is wrong with a file: a reason code, the line (0: the whole file), and a sentence.

    Reasons given here: missing, not_a_file, too_large, unsafe, not_xml, bad_value.
    """

    def __init__(self, reason: str, line: int, what: str) -> None:
        super().__init__(what)
        self.reason, self.line, self.what = reason, line, what


@dataclass
class Element:
    """An element; its name and those of its attributes are `plain`."""

    name: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Element"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The character data directly inside, without surrounding white space."""
        return "".join(self.pieces).strip()

    def all(self, name: str) -> Iterator["Element"]:
        """Yield the descendants of that name, in the order of the file."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.all(name)

    def child(self, name: str) -> "Element | None":
        """Return the first child of that name."""
        return next((c for c in self.children if c.name == name), None)

    def number(self) -> float:
        """Return the text, or else the attribute `value`, as a finite number."""
        return number(self.text or self.attributes.get("value", ""), self.line)


def plain(name: str) -> str:
    """Return a name in lower case, without its namespace and underscores."""
    return name.rpartition(":")[2].replace("_", "").lower()


def number(text: str, line: int) -> float:
    """Return a number; XmlFaultError `bad_value` if the text is none, infinite or beyond 1e12."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= GREATEST:
        raise XmlFaultError(
            "bad_value", line, f"{text.strip()[:40]!r} is not a number, or too great"
        )
    return value


def parse(path: Path) -> Element:
    """Parse a file.

    Returns:
        A nameless element whose only child is the root.

    Raises:
        XmlFaultError: the file is missing, refused, or not XML.
    """
    stack = [Element("", 0)]
    count = 0
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        line = parser.CurrentLineNumber
        if count > MAX_ELEMENTS or len(stack) > MAX_DEPTH:
            raise XmlFaultError("too_large", line, "too many elements, or too deep")
        stack.append(Element(plain(name), line, {plain(k): v for k, v in attributes.items()}))
        stack[-2].children.append(stack[-1])

    def text(data: str) -> None:
        stack[-1].pieces.append(data)

    def entity(*_: object) -> NoReturn:
        raise XmlFaultError("unsafe", parser.CurrentLineNumber, "declares or needs an entity")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = entity
    parser.SkippedEntityHandler = entity
    try:
        parser.Parse(_content(path), True)
    except expat.ExpatError as error:
        what = f"not XML: {expat.ErrorString(error.code)}"
        raise XmlFaultError("not_xml", error.lineno, what) from None
    return stack[0]


def _content(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise XmlFaultError("not_a_file", 0, "not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise XmlFaultError("missing", 0, "no such file") from None
    except OSError as error:
        raise XmlFaultError("not_a_file", 0, error.strerror or "cannot be read") from error
    if len(content) > MAX_BYTES:
        raise XmlFaultError("too_large", 0, f"larger than {MAX_BYTES} bytes")
    return content
