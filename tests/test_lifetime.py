"""Real processes: each test starts some, kills one, and sees who is left."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

STAGES = Path(__file__).parents[1] / "stages"
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
print(child.pid, flush=True)
time.sleep(60)
"""
CHILD = """
import subprocess, sys, time
from soundstage import stage
stage.die_with(int(sys.argv[1]))
subprocess.Popen(["sleep", "60"])
time.sleep(60)
"""
# Starts a stage through a shell, as DVC does, and waits for it if told to.
DVC = """
import os, subprocess, sys
group = {"process_group": 0} if "own-group" in sys.argv else {}
stage = subprocess.Popen(
    ["/bin/sh", "-c", sys.argv[1]], env=os.environ | {"DVC_STAGE": "a"}, **group
)
if "wait" in sys.argv:
    stage.wait()
"""
STAGE = f"""
import sys, time
sys.path.insert(0, {str(STAGES)!r})
print("started", flush=True)
from _start import run
print("runs", flush=True)
time.sleep(float(sys.argv[1]))
"""
WORKERS = """
import joblib, time
from soundstage import stage
list(stage.in_processes([joblib.delayed(time.sleep)(60)]))
"""


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
    return found


def test_dies_with_another_process_and_takes_its_children_along():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True
    )
    child = psutil.Process(int(parent.stdout.readline()))
    wait_for(child.children)
    family = [child, *child.children()]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a stage below a process that stands for DVC.

    Its output ends when the last of all these processes ends.
    """
    stage = tmp_path / "a_stage.py"
    stage.write_text(STAGE)
    started = []

    def start(*words, name="library.py", before="", seconds=0):
        dvc = tmp_path / name
        dvc.write_text(DVC)
        command = f"{before}exec {sys.executable} {stage} {seconds}"
        process = subprocess.Popen(
            [sys.executable, dvc, command, *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.communicate()


@pytest.mark.parametrize(
    ("name", "words"), [("library.py", ()), ("dvc", ()), ("dvc", ("own-group",))]
)
def test_a_stage_runs_under_dvc_and_under_a_program_that_runs_dvc(start, name, words):
    said, _ = start("wait", *words, name=name).communicate(timeout=60)
    assert said == "started\nruns\n"


@pytest.mark.parametrize("name", ["library.py", "dvc"])
def test_a_stage_whose_dvc_is_gone_before_it_looks_does_not_run(start, tmp_path, name):
    go = tmp_path / "go"
    dvc = start(name=name, before=f"until [ -e {go} ]; do sleep 0.02; done; ")
    dvc.wait(timeout=60)
    go.touch()
    said, _ = dvc.communicate(timeout=60)
    assert said == "started\nerror: the DVC that started this stage is gone\n"


@pytest.mark.parametrize("moment", ["at once", "soon", "when it runs"])
@pytest.mark.parametrize("name", ["library.py", "dvc"])
def test_a_stage_dies_with_its_dvc_from_the_first_moment_on(start, name, moment):
    dvc = start("wait", name=name, seconds=60)
    assert dvc.stdout.readline() == "started\n"
    if moment == "soon":
        time.sleep(0.05)
    if moment == "when it runs":
        assert dvc.stdout.readline() == "runs\n"
    dvc.kill()
    dvc.communicate(timeout=30)  # until none holds the pipe any more


def test_workers_die_with_their_stage_from_their_first_moment_on_and_without_work():
    environment = os.environ | {"SOUNDSTAGE_JOBS": "2"}
    stage = subprocess.Popen([sys.executable, "-c", WORKERS], env=environment)
    process = psutil.Process(stage.pid)

    def workers():
        return [p for p in process.children() if "popen_loky_posix" in " ".join(p.cmdline())]

    wait_for(lambda: len(workers()) == 2)
    family = process.children(recursive=True)
    stage.kill()
    stage.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    for orphan in alive:
        orphan.kill()
    assert not alive
