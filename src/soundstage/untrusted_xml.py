"""XML from the network as a small tree, read under limits.

A file that is not a regular file, is too large, too deep or has too many elements is refused, and
one with a document type (DOCTYPE): its entities and default attributes are how a kilobyte of XML
becomes a gigabyte, or reads another file, and its definitions take time that grows with the square
of their number.
"""

import codecs
import math
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

MAX_BYTES = 32 * 2**20
MAX_ELEMENTS = 500_000
GREATEST = 1e12  # no quantity here is greater, and float32 still holds it
MAX_DEPTH = 32
ENCODINGS = ("utf-8", "utf-16", "ascii", "iso8859-1", "cp1252")  # as `codecs` names them

# What may stand before a document type or the root element, in whatever form expat takes it.
_PROLOG = re.compile(r"(?:\s|<!--.*?-->|<\?.*?\?>)*+", re.DOTALL)
_DECLARED = re.compile(r"""<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']""")


class XmlFaultError(Exception):
    """What is wrong with a file: a reason code, the line (0: the whole file), and a sentence.

    Reasons given here: missing, not_a_file, too_large, unsafe, encoding, not_xml, bad_value.
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
    document = _document(_content(path))

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

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = text
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        what = f"not XML: {expat.ErrorString(error.code)}"
        raise XmlFaultError("not_xml", error.lineno, what) from None
    return stack[0]


def _document(content: bytes) -> str:
    """Return the text of a document without a document type.

    It is looked for before expat sees the text: expat would read a document type to its end, also
    when a handler has refused it.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif content[:2] in (b"<\0", b"\0<"):
        encoding = "utf-16-le" if content[0] else "utf-16-be"
    elif content.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    else:
        encoding = _declared(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        what = f"is not {encoding} throughout; save it as UTF-8"
        raise XmlFaultError("encoding", 0, what) from None
    prolog = _PROLOG.match(text)
    end = prolog.end() if prolog else 0
    if text.startswith("<!DOCTYPE", end):
        line = text.count("\n", 0, end) + 1
        raise XmlFaultError("unsafe", line, "has a document type (DOCTYPE); take it out")
    return text


def _declared(content: bytes) -> str:
    """Return the name of the encoding that an XML declaration in ASCII states, or of UTF-8."""
    declared = _DECLARED.match(content[:200].decode("latin-1"))
    said = declared[1] if declared else "utf-8"
    try:
        name = codecs.lookup(said).name
    except LookupError:
        name = ""
    if name not in ENCODINGS or name == "utf-16":  # which would have shown in the first bytes
        what = (
            f"states the encoding {said[:20]}, which is not its own or not read; save it as UTF-8"
        )
        raise XmlFaultError("encoding", 1, what)
    return name


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
