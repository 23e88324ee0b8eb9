"""Ctrl-C, sent to real processes as a terminal sends it: to all of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from soundstage.interrupts import held_back

PROJECT = Path(__file__).parents[1]
SAID = "error: interrupted; run again to go on: what is finished is kept\n"
STAGE = f"""
import sys, time
sys.path.insert(0, {str(PROJECT / "stages")!r})
from _start import run
print("started", flush=True)
import joblib, librosa, sklearn.svm, soundstage.extraction
from soundstage import stage

def tasks():
    print("working", flush=True)
    yield from [joblib.delayed(time.sleep)(60)] * 2

def work(params):
    try:
        list(stage.in_processes(tasks()))
    finally:
        print("cleaned up", flush=True)

if __name__ == "__main__":
    run(work)
"""
COMMAND = "print('started', flush=True); from soundstage import cli; cli.main()"
STUBBORN = """
import os, signal, time
from soundstage import interrupts
interrupts.one_line_interrupts()
"""


class Started:
    """A Python program that has printed `started`, in a process group of its own."""

    def __init__(self, code, *words, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *words], cwd=PROJECT, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment,
        )  # fmt: skip
        assert self.process.stdout.readline() == "started\n"

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self):
        """Return the exit code and what was printed, once the last process of the group is gone."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.mark.parametrize("seconds", [0, 0.05, 0.15, 0.4, 1, 1.5])
def test_a_stage_is_interrupted_in_one_line_at_any_moment(seconds):
    stage = Started(STAGE, SOUNDSTAGE_JOBS="2")
    time.sleep(seconds)
    stage.interrupt()
    code, _, said = stage.ended()
    assert (code, said) == (-signal.SIGINT, SAID)


@pytest.mark.parametrize(
    "module", ["pathlib", "soundstage.interrupts", "psutil", "soundstage.changes", "pydantic"]
)
def test_a_stage_is_interrupted_in_one_line_while_it_imports(module):
    at = f"""
import os, sys
class Interrupts:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), 2)
sys.meta_path.insert(0, Interrupts())
print("started", flush=True)
sys.path.insert(0, {str(PROJECT / "stages")!r})
from _start import run
run(print)
"""
    assert Started(at).ended() == (-signal.SIGINT, "", SAID)


@pytest.mark.parametrize("seconds", [0, 0.1, 0.3])
def test_a_stage_that_works_cleans_up_first(seconds):
    stage = Started(STAGE, SOUNDSTAGE_JOBS="2")
    assert stage.process.stdout.readline() == "working\n"
    time.sleep(seconds)  # while workers start, or work
    stage.interrupt()
    assert stage.ended() == (-signal.SIGINT, "cleaned up\n", SAID)


@pytest.mark.parametrize("seconds", [0, 0.1, 0.2, 0.4])
def test_a_command_is_interrupted_in_one_line_at_any_moment(seconds):
    command = Started(COMMAND, "papers", "table")
    maps = Path(f"/proc/{command.process.pid}/maps")
    while "pydantic_core" not in maps.read_text():  # the first of what takes long to import
        assert command.process.poll() is None
    time.sleep(seconds)
    command.interrupt()
    code, _, said = command.ended()
    assert (code, said) in [(-signal.SIGINT, SAID), (0, "")]  # it may have been faster


@pytest.mark.parametrize(
    "code",
    [
        # A second Ctrl-C, while what the first one began takes its time.
        """
try:
    os.kill(os.getpid(), signal.SIGINT)
finally:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
""",
        # Where Python can raise nothing.
        """
class Closed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
Closed()
time.sleep(60)
""",
        # A library that makes something else of it.
        """
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    raise ImportError("initialisation failed") from None
""",
    ],
)
def test_whatever_python_and_libraries_make_of_it_it_is_one_line(code):
    program = Started(STUBBORN + "print('started', flush=True)" + code)
    _, out, said = program.ended()
    assert (out, said) == ("", SAID)
    assert program.process.returncode in (-signal.SIGINT, 1)


def test_an_import_that_swallows_it_is_ended_at_once(tmp_path):
    (tmp_path / "greedy.py").write_text(
        "import os, signal, time\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "except BaseException:\n    pass\n"
        "time.sleep(60)\n"
    )
    program = Started(
        STUBBORN + "print('started', flush=True); import greedy", PYTHONPATH=str(tmp_path)
    )
    assert program.ended() == (-signal.SIGINT, "", SAID)


def test_a_process_that_was_started_to_ignore_it_goes_on():
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    code = "print('started', flush=True); os.kill(os.getpid(), signal.SIGINT); os.write(2, b'on')"
    assert Started(ignoring + STUBBORN + code).ended() == (0, "", "on")


def test_held_back_it_comes_at_the_end_and_children_never_see_it():
    children = []

    def interrupted():
        with held_back():
            children.append(subprocess.Popen(["sleep", "60"]))
            os.kill(os.getpid(), signal.SIGINT)
            children[0].send_signal(signal.SIGINT)
            children.append("the block went on")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    child, _ = children
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.3)
    child.kill()
    child.wait()
