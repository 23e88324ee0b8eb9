"""How a process says in one line what ends it: an error, or Ctrl-C.

This module imports next to nothing: a stage takes seconds to import its libraries, and Ctrl-C must
be one line from the first of them on.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from soundstage import terminal
from soundstage.errors import SoundstageError

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_INTERRUPTED = "interrupted; run again to go on: what is finished is kept"
_interrupts: list[int] = []  # the signals that came
_first: list[Callable[[], None]] = []


def debugging() -> bool:
    """Tell whether tracebacks are asked for: by --debug, or by SOUNDSTAGE_DEBUG under DVC."""
    return "--debug" in sys.argv or bool(os.environ.get("SOUNDSTAGE_DEBUG"))


def one_line_errors() -> None:
    """From now on, report an error that ends the process in one line instead of a traceback."""
    sys.excepthook = _one_line


def one_line_interrupts() -> None:
    """From now on, end at Ctrl-C with one line on stderr, killed by SIGINT as shells expect it.

    What is being done is cleaned up first. While something is imported, and at a second Ctrl-C,
    the end comes at once: code of libraries answers a KeyboardInterrupt in the middle of an import
    with whatever it likes. A process that was started to ignore SIGINT goes on ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        one_line_errors()
        sys.unraisablehook = _unraisable
        threading.excepthook = _in_thread
        signal.signal(signal.SIGINT, _interrupt)


@contextmanager
def held_back() -> Iterator[None]:
    """Let SIGINT wait until the block ends; processes that the block starts never see it.

    They inherit that it is blocked, so Ctrl-C, which a terminal sends to all of them, is answered
    by this process alone.
    """
    came: list[int] = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    main = threading.current_thread() is threading.main_thread()
    # Another thread may get the signal all the same; the main thread then handles it.
    handler = signal.getsignal(signal.SIGINT)
    if main and callable(handler):
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        if main and callable(handler):
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def first(do: Callable[[], None]) -> Iterator[None]:
    """Let `do` be the first thing that is done at a Ctrl-C that comes in the block."""
    _first.append(do)
    try:
        yield
    finally:
        _first.remove(do)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _interrupts.append(number)
    for do in _first:
        do()
    if len(_interrupts) > 1 or _is_importing(frame):
        _end()
    raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _end() -> None:
    """Print the line, and be killed by SIGINT."""
    os.write(2, f"error: {_INTERRUPTED}\n".encode())  # not by sys.stderr, which may be in use
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)


def _unraisable(ignored: "UnraisableHookArgs") -> None:
    """End at a Ctrl-C that came where Python cannot raise, as in a finalizer."""
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        _end()
    sys.__unraisablehook__(ignored)


def _in_thread(error: threading.ExceptHookArgs) -> None:
    """Report an error of a thread, but not of one that misses what an interrupt has taken away."""
    if not _interrupts:
        threading.__excepthook__(error)


def _one_line(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    print(f"error: {terminal.lines(_text(kind, error))}", file=sys.stderr)


def _text(kind: type[BaseException], error: BaseException) -> str:
    from soundstage.files import refusal

    if _interrupts or issubclass(kind, KeyboardInterrupt):  # whatever a library made of it
        return _INTERRUPTED
    if issubclass(kind, SoundstageError):
        return str(error)
    if isinstance(error, OSError) and (said := refusal(error)):
        return said
    said = " ".join(str(error).split())
    return (
        f"unexpected {kind.__name__}: {said}; for the traceback add --debug, "
        "or set SOUNDSTAGE_DEBUG=1 under dvc"
    )
