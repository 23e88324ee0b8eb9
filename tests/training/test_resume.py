"""What a killed training does when it is run again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from trainings import STATS_CNN, assert_same, fitted, weights

from soundstage import resume, training

# An epoch takes 5 steps and 2 batches of validation: the 18th loss is in the third.
KILLED = """
import os, signal, sys
from pathlib import Path
from soundstage import resume, training
from trainings import STATS_CNN, fitted

resume.SHARE = float("inf")
real, calls = training.loss_of, []

def deadly(*given):
    calls.append(given)
    if len(calls) == 18:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given)

training.loss_of = deadly
fitted(STATS_CNN, *map(Path, sys.argv[1:]), epochs=6)
"""


def states(tmp_path):
    return sorted((tmp_path / ".soundstage" / "training").glob("*"))


def before_epochs(patch, do):
    """Have something done before each epoch, given its number."""
    real = training.train_epoch

    def train_epoch(*given):
        do(given[3])
        return real(*given)

    patch.setattr(training, "train_epoch", train_epoch)


@pytest.fixture
def trained(monkeypatch):
    """Note the epochs that are trained."""
    epochs = []
    before_epochs(monkeypatch, epochs.append)
    return epochs


@pytest.fixture
def stopped(view, tmp_path, monkeypatch):
    """Stop a training of four epochs in its third."""
    path = view()

    def stop(epoch):
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        before_epochs(patch, stop)
        with pytest.raises(KeyboardInterrupt):
            fitted(STATS_CNN, path, tmp_path, epochs=4)
    return path


def test_a_killed_training_goes_on_and_ends_with_the_same_bits(view, tmp_path, trained):
    path = view()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, path, tmp_path]
    died = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    (state,) = states(tmp_path)

    resumed = weights(path, tmp_path, epochs=6)
    assert trained == [2, 3, 4, 5]
    assert not state.exists()
    logged = {file.name: file.read_bytes() for file in (tmp_path / "curves").rglob("*.tsv")}
    summary = (tmp_path / "curves/metrics.json").read_bytes()

    trained.clear()
    calm = weights(path, tmp_path, epochs=6)
    assert trained == list(range(6))
    if not torch.cuda.is_available():
        assert_same(resumed, calm)
        assert logged == {f.name: f.read_bytes() for f in (tmp_path / "curves").rglob("*.tsv")}
        assert summary == (tmp_path / "curves/metrics.json").read_bytes()


def test_a_state_is_saved_whole_or_not_at_all(stopped, tmp_path, trained, monkeypatch):
    (state,) = states(tmp_path)
    before = state.read_bytes()

    write = Path.write_bytes

    def half(path, content):
        write(path, bytes(content)[:1000])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(KeyboardInterrupt):
            fitted(STATS_CNN, stopped, tmp_path, epochs=4)
    assert state.read_bytes() == before
    fitted(STATS_CNN, stopped, tmp_path, epochs=4)
    assert trained == [2, 2, 3]


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"rate": 2e-2}, {"epochs": 5}, {"keep": "last"}, {"view": "tags"}],
    ids=lambda change: next(iter(change)),
)
def test_another_training_does_not_go_on_from_there(change, stopped, view, tmp_path, trained):
    options = {"epochs": 4} | change
    path = view(options.pop("view")) if "view" in options else stopped
    fitted(STATS_CNN, path, tmp_path, **options)
    assert trained == list(range(options["epochs"]))
    fitted(STATS_CNN, stopped, tmp_path, epochs=4)
    assert trained[options["epochs"] :] == [2, 3]  # the state is still there


def test_a_state_that_is_damaged_is_none(stopped, tmp_path, trained, capsys):
    (state,) = states(tmp_path)
    state.write_bytes(state.read_bytes()[:1000])
    weights(stopped, tmp_path, epochs=4)
    assert trained == [0, 1, 2, 3]
    assert "training starts anew" in capsys.readouterr().out


def test_old_states_are_swept(stopped, tmp_path):
    (state,) = states(tmp_path)
    old = time.time() - (resume.KEPT_DAYS + 1) * 86400
    os.utime(state, (old, old))
    fitted(STATS_CNN, stopped, tmp_path, epochs=1)
    assert states(tmp_path) == []


def test_two_at_once_may_share_a_state(view, tmp_path, trained, monkeypatch):
    """The second goes on from the first, ends before it and removes the state; both are right."""
    path, calm = view(), weights(view(), tmp_path, epochs=4)
    trained.clear()
    second = []

    def begin_a_second(epoch):
        if epoch == 2 and not second:
            second.append(None)
            second[0] = weights(path, tmp_path / "second", epochs=4)

    before_epochs(monkeypatch, begin_a_second)
    first = weights(path, tmp_path, epochs=4)
    assert trained == [0, 1, 2, 3, 2, 3]
    assert_same(first, calm)
    assert_same(second[0], calm)
    assert states(tmp_path) == []


@pytest.mark.parametrize(("seconds", "expected"), [(0.1, 1), (21.0, 4)])
def test_saving_takes_a_small_share_of_the_time(seconds, expected, view, tmp_path, monkeypatch):
    """With epochs that cost nothing, only the first is saved; with long ones each."""
    clock, saves = SimpleNamespace(now=0.0), []
    real = resume.save

    def train(_):
        clock.now += seconds

    def save_slowly(*given):
        saves.append(clock.now)
        clock.now += 1.0
        return real(*given)

    monkeypatch.setattr(resume, "SHARE", 0.05)
    monkeypatch.setattr(resume.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(resume, "save", save_slowly)
    before_epochs(monkeypatch, train)
    fitted(STATS_CNN, view(), tmp_path, epochs=4)
    assert len(saves) == expected
