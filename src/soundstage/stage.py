"""How a stage of the pipeline starts and ends.

`run` reads the parameters, hands them to the stage's function with the command line's words, and
turns what goes wrong into one line and exit code 1. A stage and its workers die with the DVC
process that started them: an orphan would go on writing into the next run's outputs.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

import psutil

from soundstage import params
from soundstage.errors import SoundstageError

_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish", "busybox"}
_watched: set[int] = set()


def jobs() -> int:
    """Return how many worker processes to use: `SOUNDSTAGE_JOBS`, else the cores at hand."""
    said = os.environ.get("SOUNDSTAGE_JOBS", "")
    if said and not (said.isdecimal() and int(said)):
        raise SoundstageError(f"SOUNDSTAGE_JOBS must be a positive number, got {said!r}")
    if said:
        return int(said)
    import joblib  # a quarter of a second that most stages need not wait

    return joblib.cpu_count()


def in_processes(tasks: Iterable[Any], *, ordered: bool = True) -> Iterator[Any]:
    """Yield the results of `joblib.delayed` calls, made by `jobs()` processes, and end these.

    By force: of workers that wait for work one holds a lock, and should that one be killed at the
    end of a run, the others would wait for it for ever, and this process for them.
    """
    import joblib
    from joblib.externals.loky import get_reusable_executor

    n = jobs()
    return_as = "generator" if ordered else "generator_unordered"
    try:
        yield from joblib.Parallel(n, return_as=return_as)(tasks)
    finally:
        if n > 1:  # where the pool is broken already, loky ends another that never starts
            get_reusable_executor(reuse=True, kill_workers=True).shutdown(kill_workers=True)


def die_with(pid: int) -> None:
    """End this process, and all it started, within a second of the end of process `pid`."""
    if pid in _watched:
        return
    _watched.add(pid)
    try:
        watched = psutil.Process(pid)
    except psutil.NoSuchProcess:
        os._exit(1)

    def watch() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            while watched.is_running() and watched.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.3)
        try:
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        finally:
            os._exit(1)

    threading.Thread(target=watch, name=f"die-with-{pid}", daemon=True).start()


def _die_with_dvc() -> None:
    """Watch the DVC process above this one: the nearest ancestor that is no shell."""
    if "DVC_STAGE" not in os.environ:
        return  # started by hand
    for ancestor in psutil.Process().parents():
        if ancestor.name() not in _SHELLS:
            die_with(ancestor.pid)
            return
    os._exit(1)  # DVC is gone already


def _one_line(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    if issubclass(kind, SoundstageError):
        text = str(error)
    elif issubclass(kind, KeyboardInterrupt):
        text = "interrupted; run again to go on: what is finished is kept"
    else:
        said = " ".join(str(error).split())
        text = (
            f"unexpected {kind.__name__}: {said}; for the traceback add --debug, "
            "or set SOUNDSTAGE_DEBUG=1 under dvc"
        )
    print(f"error: {text}", file=sys.stderr)


def one_line_errors() -> None:
    """From now on, report an error that ends the process in one line instead of a traceback."""
    sys.excepthook = _one_line


def run(stage: Callable[..., None]) -> None:
    """Run a stage: `stage(params, *words)` with the words of the command line."""
    _die_with_dvc()
    words = [word for word in sys.argv[1:] if word != "--debug"]
    if "--debug" not in sys.argv and not os.environ.get("SOUNDSTAGE_DEBUG"):
        one_line_errors()
    stage(params.load(), *words)
