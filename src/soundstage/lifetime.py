"""A process ends with the one that it works for: stages with DVC, workers with their stage.

An orphan would go on writing into the next run's outputs.
"""

import contextlib
import os
import threading
import time
from pathlib import PurePath

import psutil

_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "busybox"}
_watched: set[int] = set()


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


def end_workers() -> None:
    """Kill this process's worker processes.

    One that starts while its pool is taken down would say at length what it misses.
    """
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if any("popen_loky" in word for word in child.cmdline()):
                child.kill()


def die_with_dvc() -> None:
    """Let this stage die with the DVC process above it; end now where that is gone already.

    A process whose parent has died gets another one: pid 1, or whoever takes orphans in. So DVC is
    the nearest ancestor whose command line says so, or else, where a program runs DVC as a library,
    the nearest that is no shell, if it is in this process's group: what takes orphans in is not.
    """
    if "DVC_STAGE" not in os.environ:
        return  # started by hand
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        ancestors = psutil.Process().parents()
        dvc = [ancestor for ancestor in ancestors if _says_dvc(ancestor)]
        others = [ancestor for ancestor in ancestors if ancestor.name() not in _SHELLS]
        if not dvc:
            dvc = [other for other in others[:1] if os.getpgid(other.pid) == os.getpgrp()]
        if dvc:
            die_with(dvc[0].pid)
            return
    os.write(2, b"error: the DVC that started this stage is gone\n")
    os._exit(1)


def _says_dvc(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()
    except psutil.AccessDenied:  # another user's
        return False
    return any(PurePath(word).name in {"dvc", "dvc.exe"} for word in words[:4])
