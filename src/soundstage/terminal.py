"""What is printed cannot move the terminal: names come from strangers' files.

A class named `\\x1b[2J` would clear the screen, and one that turns the direction of writing would
show another name than it has. `shown` escapes them in a name, `guard` in all that a process prints.
"""

import sys
from typing import TextIO


def shown(name: str) -> str:
    """Return a name as it may be printed: what moves a terminal, line breaks too, is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def lines(text: str) -> str:
    """Return a text as it may be printed: as `shown`, but for line breaks and tabs."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


class Guarded:
    """A stream that writes text as `lines` has it, and is the given one in all else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; return how many characters of it were written: all."""
        self._stream.write(text if text.isprintable() else lines(text))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def guard() -> None:
    """From now on, let nothing that is printed move the terminal."""
    sys.stdout = Guarded(sys.stdout)
