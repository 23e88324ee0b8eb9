"""Killing a run in the middle, and looking at what is left."""

import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from project import Project

RUN = {"workspace": ["repro"], "temp": ["exp", "run", "--temp"], "queue": ["exp", "run", "--queue"]}
WHAT = ("dvc", "stage", "worker")
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


def victim(project: Project, what: str) -> psutil.Process | None:
    """Return the stage that runs now, one of its workers, or the DVC process above it."""
    with contextlib.suppress(*_ENDED):
        for stage, words in processes(project).items():
            if not any(word.startswith("stages/") for word in words):
                continue
            if what == "stage":
                return stage
            if what == "worker":
                workers = (p for p in stage.children() if "popen_loky" in " ".join(p.cmdline()))
                return next(workers, None)
            return next((p for p in stage.parents() if _is_dvc(p.cmdline())), None)
    return None


def wait_for(condition: Callable[[], object], seconds: float = 60, pause: float = 0.05) -> None:
    """Wait until a condition holds, which is looked at every `pause` seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(pause)


def kill(
    project: Project,
    where: str,
    what: str,
    *,
    clips: int = 0,
    delay: float = 0,
    stage: str = "",
) -> tuple[str, bool, int]:
    """Start a run of the slow feature, and kill one of its processes.

    That happens once `clips` more are computed, a `stage` of that name has begun, if one is named,
    and `delay` seconds are over: then, or as soon as there is such a process. A run that ends
    before is left alone.

    Returns
    -------
    What the run said, whether it succeeded, and how many clips were computed at the kill.
    """
    command = ["dvc", *RUN[where], "features@slow"]
    if where == "queue":
        project.run(*command)
        command = ["dvc", "queue", "start"]
    before = project.computed()
    run = project.start(*command)
    wait_for(lambda: project.computed() >= before + clips)

    def ended() -> bool:
        return run.poll() is not None and not processes(project)

    def begun() -> bool:
        return any(f"stages/{stage}.py" in words for words in processes(project).values())

    if stage:
        wait_for(lambda: begun() or ended(), 120, pause=0)
    time.sleep(delay)

    def killed() -> bool:
        process = victim(project, what)
        with contextlib.suppress(psutil.NoSuchProcess):
            if process:
                process.send_signal(signal.SIGKILL)
                return True
        return ended()

    wait_for(killed, 120)
    at_death = project.computed()
    said, _ = run.communicate(timeout=120)  # a queue's worker holds the pipe until it ends
    if where != "queue":
        return said, run.returncode == 0, at_death
    status = project.run("dvc", "queue", "status").splitlines()[1]
    said = project.run("dvc", "queue", "logs", status.split()[0])
    project.run("dvc", "queue", "remove", "--all")
    return said, "Success" in status, at_death
