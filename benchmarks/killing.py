"""Killing a run in the middle, and looking at what is left."""

import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
from project import Project

RUN = {"workspace": ["repro"], "temp": ["exp", "run", "--temp"], "queue": ["exp", "run", "--queue"]}
WHAT = ("dvc", "stage", "worker")
PATIENCE = 600  # seconds after which a run hangs, many times what it takes on a busy machine
_ENDED = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


def processes(project: Project) -> dict[psutil.Process, list[str]]:
    """Return the processes in the project's folder or a copy below it, with their command lines."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(*_ENDED):
            if process.cwd().startswith(str(project.root)) and process.is_running():
                found[process] = process.cmdline()
    return found


def orphans(project: Project) -> list[psutil.Process]:
    """Return stages, and whatever they started, that still run: all that is not DVC itself."""
    return [p for p, words in processes(project).items() if not _is_dvc(words)]


def _is_dvc(words: list[str]) -> bool:
    return any(Path(word).name.partition(".")[0] == "dvc" for word in words)


def victim(
    project: Project, what: str, stage: str = ""
) -> tuple[psutil.Process, psutil.Process] | None:
    """Return the stage that runs now, or one of its workers, and the process that is to be killed.

    These are one, or the second is the DVC process above the stage. None while there is no such
    process, or only stages of another name than `stage`.
    """
    with contextlib.suppress(*_ENDED):
        for process, words in processes(project).items():
            scripts = [Path(word).stem for word in words if word.startswith("stages/")]
            if not scripts or (stage and stage not in scripts):
                continue
            if what == "worker":
                workers = (p for p in process.children() if "popen_loky" in " ".join(p.cmdline()))
                worker = next(workers, None)
                return (worker, worker) if worker else None
            if what == "dvc":
                above = next((p for p in process.parents() if _is_dvc(p.cmdline())), None)
                return (process, above) if above else None
            return process, process
    return None


def wait_for(condition: Callable[[], object], seconds: float = 60, pause: float = 0.05) -> None:
    """Wait until a condition holds, which is looked at every `pause` seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(pause)


class Killed(NamedTuple):
    """What the run said, whether it succeeded, and how things stood when one of its processes died.

    `computed` are the clips computed till then, `age` is how many seconds the stage, or the worker,
    had lived: None if the run had ended before.
    """

    said: str
    succeeded: bool
    computed: int
    age: float | None


def kill(
    project: Project,
    where: str,
    what: str,
    *,
    clips: int = 0,
    delay: float = 0,
    stage: str = "",
) -> Killed:
    """Start a run of the slow feature, and kill one of its processes.

    That happens once `clips` more are computed and `delay` seconds are over: then, or as soon as
    there is such a process. If a `stage` is named, it happens when that stage, or its worker, has
    lived `delay` seconds. A run that ends before is left alone.
    """
    command = ["dvc", *RUN[where], "features@slow"]
    if where == "queue":
        project.run(*command)
        command = ["dvc", "queue", "start"]
    before = project.computed()
    run = project.start(*command)
    wait_for(lambda: project.computed() >= before + clips)
    if not stage:
        time.sleep(delay)
    ages: list[float] = []

    def over() -> bool:
        """Kill the process if it is there; return whether nothing is left to kill."""
        with contextlib.suppress(*_ENDED):
            if found := victim(project, what, stage):
                watched, killed = found
                born = watched.create_time()
                if stage:
                    time.sleep(max(born + delay - time.time(), 0))
                killed.send_signal(signal.SIGKILL)
                ages.append(time.time() - born)
                return True
        return run.poll() is not None and not processes(project)

    wait_for(over, PATIENCE, pause=0 if stage else 0.05)
    computed = project.computed()
    said, _ = run.communicate(timeout=PATIENCE)  # a queue's worker holds the pipe until it ends
    age = ages[0] if ages else None
    if where != "queue":
        return Killed(said, run.returncode == 0, computed, age)
    status = project.run("dvc", "queue", "status").splitlines()[1]
    said = project.run("dvc", "queue", "logs", status.split()[0])
    project.run("dvc", "queue", "remove", "--all")
    return Killed(said, "Success" in status, computed, age)
