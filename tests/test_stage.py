import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from soundstage import stage
from soundstage.errors import SoundstageError

PROJECT = Path(__file__).parents[1]
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
STAGE = """
from soundstage import stage
from soundstage.errors import SoundstageError

def work(params, *words):
    if words == ("ours",):
        raise SoundstageError("no music; add some")
    if words == ("theirs",):
        raise ZeroDivisionError("a\\nb")
    print(params.dataset.name, *words)

stage.run(work)
"""


def test_dies_with_another_process_and_takes_its_children_along():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True
    )
    child = psutil.Process(int(parent.stdout.readline()))
    while not child.children():
        time.sleep(0.05)
    family = [child, *child.children()]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


@pytest.fixture
def run(tmp_path):
    file = tmp_path / "a_stage.py"
    file.write_text(STAGE)

    def run(*words, **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("SOUNDSTAGE", "DVC"))}
        return subprocess.run(
            [sys.executable, str(file), *words],
            capture_output=True,
            text=True,
            check=False,
            env=clean | environment,
            cwd=PROJECT,
        )

    return run


def test_a_stage_gets_the_parameters_and_its_words(run):
    done = run("one", "two")
    assert (done.returncode, done.stdout.strip()) == (0, "demo one two")


def test_an_error_is_one_line_and_exit_code_1(run):
    done = run("ours")
    assert (done.returncode, done.stderr) == (1, "error: no music; add some\n")
    done = run("theirs")
    assert done.returncode == 1
    assert done.stderr.startswith("error: unexpected ZeroDivisionError: a b; for the traceback")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "environment"), [(["--debug"], {}), ([], {"SOUNDSTAGE_DEBUG": "1"})]
)
def test_debug_shows_the_traceback(run, words, environment):
    done = run("ours", *words, **environment)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "no music; add some" in done.stderr


def test_jobs(monkeypatch):
    monkeypatch.delenv("SOUNDSTAGE_JOBS", raising=False)
    assert stage.jobs() >= 1
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "3")
    assert stage.jobs() == 3
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "many")
    with pytest.raises(SoundstageError, match="must be a positive number, got 'many'"):
        stage.jobs()
