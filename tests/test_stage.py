import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from soundstage import stage
from soundstage.errors import SoundstageError

PROJECT = Path(__file__).parents[1]
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


@pytest.mark.parametrize(("stage", "code", "said"), [
    ("train", 1, "error: params.yaml changed while this stage ran: seed 0 -> 1; run again\n"),
    ("fetch", 0, ""),  # has nothing to do with the seed
    ("", 0, ""),  # started by hand: nobody records it
])  # fmt: skip
def test_a_stage_whose_parameters_change_meanwhile_fails(tmp_path, stage, code, said):
    (tmp_path / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    (tmp_path / "dvc.yaml").write_text((PROJECT / "dvc.yaml").read_text())
    script = """
from pathlib import Path
from soundstage import stage

def work(params):
    text = Path("params.yaml").read_text()
    assert "\\nseed: 0" in text
    Path("params.yaml").write_text(text.replace("\\nseed: 0", "\\nseed: 1  # another"))

stage.run(work)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"DVC_STAGE": stage},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (code, said)


def test_a_stage_whose_code_changes_meanwhile_keeps_no_shard_of_it(tmp_path):
    """The shard would lie under the fingerprint of the code that the stage began with."""
    shutil.copytree(PROJECT / "stages", tmp_path / "stages")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "src/soundstage", tmp_path / "src/soundstage", ignore=ignore)
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    (tmp_path / "stages" / "computing.py").write_text("""
from pathlib import Path
from _start import run
import joblib
from soundstage import changes, stage

def work(params, edit):
    def task(i):
        from soundstage import progress  # imported in the worker only, after it was edited
        changes.check_code()
    file = Path("src/soundstage/progress.py")
    file.write_text(file.read_text() + edit)
    list(stage.in_processes([joblib.delayed(task)(i) for i in range(2)]))

run(work)
""")

    def said(edit):
        done = subprocess.run(
            [sys.executable, "stages/computing.py", edit], cwd=tmp_path, capture_output=True,
            text=True, check=False, env=os.environ | {"SOUNDSTAGE_JOBS": "2"},
        )  # fmt: skip
        return done.stderr

    assert said("\n# a remark\n") == ""
    expected = "error: src/soundstage/progress.py changed while this stage ran; run again\n"
    assert said("\nSPEED = 2\n") == expected


# Runs a stage to whom the system refuses to write below a folder.
REFUSING = """
import os, runpy, sys
folder, number, *words = sys.argv[1:]

def hook(event, arguments):
    if event not in {"open", "os.mkdir", "os.rename", "os.link"}:
        return
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return
    path = os.path.abspath(str(arguments[event == "os.link"]))
    if path.startswith(folder) and not (event == "os.mkdir" and os.path.isdir(path)):
        raise OSError(int(number), os.strerror(int(number)), path)

sys.addaudithook(hook)
sys.argv = words
sys.path.insert(0, os.path.dirname(words[0]))
runpy.run_path(words[0], run_name="__main__")
"""


@pytest.mark.parametrize("place", [".soundstage", "data"])
@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (errno.EACCES, "give yourself permission"),
        (errno.EROFS, "mount it to be written to"),
        (errno.ENOSPC, "make room"),
        ("file", "move away the file"),
    ],
)
def test_where_nothing_can_be_written_a_stage_says_so_in_a_line(
    tmp_path, music, place, reason, remedy
):
    text = (PROJECT / "params.yaml").read_text()
    text = text.replace("dataset: demo ", "dataset: folder ").replace("null", str(music))
    (tmp_path / "params.yaml").write_text(text)
    fetch = [str(PROJECT / "stages" / "fetch.py")]
    command = ["-c", REFUSING, str(tmp_path / place), str(reason), *fetch]
    if reason == "file":
        (tmp_path / place).touch()
        command = fetch
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DVC")}
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    *_, said = done.stderr.splitlines()  # behind the bar
    assert re.match(rf"error: cannot (read or )?write \S*{place}/\S+.*: .*; {remedy}", said), said
    assert "Traceback" not in done.stderr
