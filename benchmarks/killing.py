"""Killing a run of the slow feature in the middle, and looking at what is left."""

import signal
import time
from collections.abc import Callable

import psutil
from project import Project

RUN = {"workspace": ["repro"], "temp": ["exp", "run", "--temp"], "queue": ["exp", "run", "--queue"]}
WHAT = ("dvc", "stage", "worker")


def processes(project: Project) -> list[psutil.Process]:
    """Return the processes that run in the project's folder or a copy below it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(project.root)) and process.is_running():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def orphans(project: Project) -> list[psutil.Process]:
    """Return stages, and what they started, that still run."""
    return [p for p in processes(project) if "stages/" in " ".join(p.cmdline())]


def victim(project: Project, what: str) -> psutil.Process:
    """Return the slow feature's stage, one of its workers, or the DVC process above it."""
    stage = next(p for p in processes(project) if "stages/features.py" in p.cmdline())
    if what == "stage":
        return stage
    if what == "worker":
        return next(p for p in stage.children() if "popen_loky" in " ".join(p.cmdline()))
    return next(p for p in stage.parents() if p.name() not in {"sh", "bash", "dash"})


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def kill(project: Project, where: str, what: str, after: int) -> tuple[str, bool, int]:
    """Start a run, and kill one of its processes once `after` clips more are computed.

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
    wait_for(lambda: project.computed() >= before + after)
    victim(project, what).send_signal(signal.SIGKILL)
    at_death = project.computed()
    said, _ = run.communicate(timeout=120)  # a queue's worker holds the pipe until it ends
    if where != "queue":
        return said, run.returncode == 0, at_death
    status = project.run("dvc", "queue", "status").splitlines()[1]
    said = project.run("dvc", "queue", "logs", status.split()[0])
    project.run("dvc", "queue", "remove", "--all")
    return said, "Success" in status, at_death
