"""Doing the runs of a paper, with DVC and training left out: see tests/pipeline/test_papers.py."""

from pathlib import Path

import pytest

from soundstage.errors import SoundstageError
from soundstage.papers import definition, results, session
from soundstage.papers.runs import runs

ROOT = Path(__file__).parents[2]
PAPER = """
title: A paper
dataset: demo
protocols:
  as_printed: {says: with faults, params: {split.name: random}, over: {seed: [0]}}
  honest: {says: without, params: {split.name: honest}, over: {seed: [0, 1]}}
systems:
  a: {model: knn, printed: {clip.accuracy: 0.9}}
  b: {model: stats_cnn, printed: {clip.accuracy: 0.8}}
"""


class Dvc:
    """Does runs as DVC would: what it was asked to do, and which of them end in an error."""

    def __init__(self):
        self.asked, self.failing, self.done = [], set(), set()

    def run(self, run, *, queue):
        self.asked.append(run)
        if run.name in self.failing:
            raise SoundstageError("no music")
        return None if queue else self.scores(run)

    def scores(self, run):
        accuracy = 0.5 + 0.1 * run.value
        return {"split": run.overrides["split.name"], "clip": {"accuracy": accuracy}}

    @property
    def names(self):
        return [f"{run.system} {run.protocol} {run.value}" for run in self.asked]


@pytest.fixture
def dvc(tmp_path, monkeypatch):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "9.yaml").write_text(PAPER)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text("utf-8"))
    monkeypatch.chdir(tmp_path)
    dvc = Dvc()
    monkeypatch.setattr(session, "with_dvc", dvc.run)
    monkeypatch.setattr(session, "scores_of", dvc.scores)
    monkeypatch.setattr(session, "done_by_dvc", lambda: dvc.done)
    return dvc


def scored():
    return [f"{r.system} {r.protocol} {r.value}" for r in results.read("9", "demo")]


def test_runs_that_are_there_are_left_out(dvc):
    session.do("9", systems=["a"], protocols=["honest"], values=[1])
    assert dvc.names == ["a honest 1"]
    session.do("9", systems=["a"])
    assert dvc.names == ["a honest 1", "a as_printed 0", "a honest 0"]
    assert sorted(scored()) == sorted(dvc.names)
    session.do("9", systems=["a"])
    assert len(dvc.asked) == 3
    session.do("9", systems=["a"], protocols=["honest"], again=True)
    assert dvc.names[3:] == ["a honest 0", "a honest 1"]
    assert len(scored()) == 3


def test_other_settings_are_another_run_of_the_same_cell(dvc):
    for epochs in (2, 3):
        session.do("9", systems=["b"], protocols=["as_printed"],
                   settings=[f"training.epochs={epochs}"])  # fmt: skip
    first, second = (run.parameters for run in dvc.asked)
    assert first["models.stats_cnn.training.epochs"] == 2
    assert second["models.stats_cnn.training.epochs"] == 3
    (result,) = results.read("9", "demo")
    assert result.overrides["models.stats_cnn.training.epochs"] == 3


def test_a_failed_run_stops_no_other_and_is_told(dvc):
    fails = runs("9", definition.load("9"))[0].name
    dvc.failing.add(fails)
    with pytest.raises(SoundstageError, match=f"^1 runs failed:\n{fails}: no music$"):
        session.do("9")
    assert len(dvc.asked) == 6
    assert sorted(scored()) == sorted(dvc.names[1:])
    dvc.failing.clear()
    session.do("9")
    assert len(dvc.asked) == 7
    assert dvc.asked[-1].name == fails


def test_queued_runs_are_scored_once_dvc_has_done_them(dvc):
    session.do("9", systems=["a"], protocols=["honest"], queue=True)
    assert len(dvc.asked) == 2
    assert not scored()
    dvc.done.add(dvc.asked[0].name)
    session.do("9", systems=["a"], protocols=["honest"])
    assert dvc.names == ["a honest 0", "a honest 1", "a honest 1"]  # only the other is asked for
    assert sorted(scored()) == ["a honest 0", "a honest 1"]
    dvc.done = {run.name for run in dvc.asked}
    session.do("9", systems=["a"], protocols=["honest"], again=True)
    assert len(dvc.asked) == 5


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("training.epochs", "say NAME=VALUE, e.g. -S training.epochs=2"),
        ("models.knn.k=[3", r"'\[3' is no value in YAML"),
        ("models.knn.kk=3", r"models\.knn\.kk: no such parameter; did you mean 'k'"),
        ("models.knn.k=three", r"models\.knn\.k: must be an integer, got 'three'"),
    ],
)
def test_a_wrong_setting_is_told_before_the_first_run(dvc, setting, said):
    with pytest.raises(SoundstageError, match=said):
        session.do("9", settings=[setting])
    assert not dvc.asked


def test_values_of_settings_are_those_of_params_yaml(dvc):
    settings = [
        "training.patience=3",
        "models.svm.grid=true",
        "split.folds=",
        "training.keep=last",
        "models.mlp.hidden=[8, 4]",
        "models.stats_cnn.training.learning_rate=1e-2",
    ]
    session.do("9", systems=["a"], protocols=["as_printed"], settings=settings)
    (run,) = dvc.asked
    assert {name: run.parameters[name] for name in run.parameters if name not in ("seed",)} == {
        "dataset": "demo",
        "model": "knn",
        "split.name": "random",
        "training.patience": 3,
        "models.svm.grid": True,
        "split.folds": None,
        "training.keep": "last",
        "models.mlp.hidden": [8, 4],
        "models.stats_cnn.training.learning_rate": 0.01,
    }
