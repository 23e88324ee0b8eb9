"""How a stage of the pipeline runs, in one process or several.

`run` reads the parameters, hands them to the stage's function with the command line's words, and
turns what goes wrong into one line and exit code 1.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from soundstage import changes, interrupts, terminal
from soundstage.errors import SoundstageError
from soundstage.interrupts import one_line_errors
from soundstage.lifetime import die_with, end_workers

__all__ = [
    "begin_worker",
    "die_with",
    "in_processes",
    "jobs",
    "of_worker",
    "one_line_errors",
    "run",
]


def jobs() -> int:
    """Return how many worker processes to use: `SOUNDSTAGE_JOBS`, else the cores at hand."""
    said = os.environ.get("SOUNDSTAGE_JOBS", "")
    if said and not (said.isdecimal() and int(said)):
        raise SoundstageError(f"SOUNDSTAGE_JOBS must be a positive number, got {said!r}")
    if said:
        return int(said)
    import joblib  # a quarter of a second that most stages need not wait

    return joblib.cpu_count()


def of_worker() -> tuple[int, str]:
    """Return what a worker process is told of this process, for `begin_worker`."""
    return os.getpid(), changes.noted_code()


def begin_worker(stage: int, code: str) -> None:
    """Let this worker process die with its stage, and know the code that this began with."""
    die_with(stage)
    changes.note_code_of(code)


def in_processes(tasks: Iterable[Any], *, ordered: bool = True) -> Iterator[Any]:
    """Yield the results of `joblib.delayed` calls, made by `jobs()` processes, and end these.

    By force: of workers that wait for work one holds a lock, and should that one be killed at the
    end of a run, the others would wait for it for ever, and this process for them.
    """
    import joblib

    n = jobs()
    return_as = "generator" if ordered else "generator_unordered"
    if n == 1:
        yield from joblib.Parallel(n, return_as=return_as)(tasks)
        return
    from multiprocessing.resource_tracker import ensure_running

    from joblib.externals.loky import get_reusable_executor

    ensure_running()  # in being started, it would let SIGINT through again
    pool = joblib.Parallel(n, return_as=return_as, initializer=begin_worker, initargs=of_worker())
    results: Any = ()
    try:
        with interrupts.first(end_workers):
            with interrupts.held_back():
                results = pool(tasks)
            for result in results:  # noqa: UP028, which would end `results` here, and warn
                yield result
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's, that tasks are cancelled
            del results
        # Where the pool is broken already, loky ends another that never starts.
        get_reusable_executor(reuse=True, kill_workers=True).shutdown(kill_workers=True)


def run(stage: Callable[..., None]) -> None:
    """Run a stage: `stage(params, *words)` with the words of the command line.

    Raises SoundstageError if what DVC will record of the stage changed meanwhile, see `changes`.
    """
    from soundstage import params

    if not interrupts.debugging():
        one_line_errors()
    terminal.guard()
    chosen = params.load()
    before = changes.given(os.environ.get("DVC_STAGE", ""), chosen.text)
    stage(chosen, *(word for word in sys.argv[1:] if word != "--debug"))
    changes.check(before)
