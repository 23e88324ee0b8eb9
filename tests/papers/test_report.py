import json
from pathlib import Path

import pytest

from soundstage.papers import definition, report, results
from soundstage.papers.runs import runs

PAPER = """
title: A paper
dataset: home
protocols:
  as_printed: {says: with faults, params: {split.name: random}, over: {seed: [0]}}
  honest: {says: without, params: {split.name: honest}, over: {seed+split.seed: [0, 1]}}
systems:
  a: {model: knn, printed: {clip.accuracy: 0.9, clip.top_2: 0.95}}
  b: {model: svm, printed: {clip.accuracy: 0.8}}
impossible:
  - {systems: [a], metric: clip.top_2, why: it is too good}
notes: [It says so.]
"""


@pytest.fixture
def paper(tmp_path, monkeypatch):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "9.yaml").write_text(PAPER)
    monkeypatch.chdir(tmp_path)
    return definition.load("9")


def metrics(accuracy):
    interval = {"accuracy": {"low": accuracy - 0.1, "high": accuracy + 0.1}}
    return {
        "split": "s",
        "n_scored": 10,
        "clip": {"accuracy": accuracy, "top_2": 0.7, "interval": interval},
    }


def test_runs_of_a_protocol_differ_by_what_it_says(paper):
    found = runs("9", paper, systems=["b"], extra={"training.epochs": 2})
    assert [run.name.rpartition("-")[0] for run in found] == [
        "9-b-as-printed-home-0",
        "9-b-honest-home-0",
        "9-b-honest-home-1",
    ]
    assert found[-1].parameters == {
        "dataset": "home",
        "model": "svm",
        "split.name": "honest",
        "seed": 1,
        "split.seed": 1,
    }
    network = PAPER.replace("model: svm", "model: stats_cnn")
    (Path("papers") / "9.yaml").write_text(network)
    (run, *_) = runs("9", definition.load("9"), systems=["b"], extra={"training.epochs": 2})
    assert run.parameters["models.stats_cnn.training.epochs"] == 2
    assert run.name != runs("9", definition.load("9"), systems=["b"])[0].name
    with pytest.raises(definition.SoundstageError, match="no protocol 'onest'; did you mean"):
        runs("9", paper, protocols=["onest"])


def test_a_table_has_what_is_printed_beside_the_runs(paper):
    assert "| a | `clip.top_2` | 0.95† | - | - |" in report.table("9", paper)
    for run in runs("9", paper, systems=["a"]):
        results.add(run, paper, metrics(0.5 + 0.2 * run.value), seconds=1.0)
    lines = report.table("9", paper)
    assert "On `home` (splits as printed: s; honest: s):" in lines
    assert "| system | metric | printed | as printed | honest |" in lines
    assert (
        "| a | `clip.accuracy` | 0.9 | 0.500 [0.400, 0.600] | "
        "0.600 ± 0.141 (2) [0.500, 0.700] |" in lines
    )
    assert "| a | `clip.top_2` | 0.95† | 0.700 | 0.700 ± 0.000 (2) |" in lines
    assert not any(line.startswith("| b") for line in lines)
    assert "† a, `clip.top_2`: it is too good\n" in lines
    assert "* It says so." in lines


def test_a_run_again_takes_the_place_of_the_one_before(paper):
    (run,) = runs("9", paper, systems=["b"], protocols=["as_printed"])
    for accuracy in (0.3, 0.4):
        results.add(run, paper, metrics(accuracy), seconds=1.0)
    (result,) = results.read("9", "home")
    assert result.scores["clip.accuracy"] == 0.4
    assert result.intervals["clip.accuracy"] == pytest.approx([0.3, 0.5])
    results.file("9", "home").write_text(json.dumps({"x": {}}))
    with pytest.raises(definition.SoundstageError, match="not the results of a paper"):
        results.read("9", "home")


def test_a_table_says_where_networks_were_trained_for_fewer_epochs(paper):
    extra = {"models.b.training.epochs": 2}
    (run,) = runs("9", paper, systems=["b"], protocols=["as_printed"], extra=extra)
    results.add(run, paper, metrics(0.3), seconds=1.0)
    lines = report.table("9", paper)
    assert "| b | `clip.accuracy` | 0.8 | 0.300 [0.200, 0.400], 2 epochs |" in lines
    assert any("few epochs show the machinery" in line for line in lines)


def test_a_score_that_a_warning_touches_says_so(paper):
    for run in runs("9", paper, systems=["b"], protocols=["honest"]):
        warned = {"warning": {"missing_class": 1 + run.value}}
        results.add(run, paper, metrics(0.3) | warned, seconds=1.0)
    lines = report.table("9", paper)
    said = "0.300 ± 0.000 (2) [0.200, 0.400], missing_class 2 |"
    assert any(said in line for line in lines)


def test_a_control_and_what_is_also_shown_stand_where_there_are_runs(paper):
    more = """\
  c: {model: knn}
  d: {model: svm, derived: {clip.f1_macro: 0.25}}
also: [vote.accuracy]
impossible:
"""
    (Path("papers") / "9.yaml").write_text(PAPER.replace("impossible:\n", more))
    paper = definition.load("9")
    assert paper.metrics() == ["clip.accuracy", "clip.top_2", "clip.f1_macro", "vote.accuracy"]
    lines = report.table("9", paper)
    assert "| d | `clip.f1_macro` | (0.25) | - | - |" in lines
    assert not any("vote.accuracy" in line or line.startswith("| c") for line in lines)
    (run,) = runs("9", paper, systems=["c"], protocols=["as_printed"])
    results.add(run, paper, metrics(0.5) | {"vote": {"accuracy": 0.4}}, seconds=1.0)
    lines = report.table("9", paper)
    assert "| c | `vote.accuracy` | - | 0.400 |" in lines
    assert set(results.read("9", "home")[0].scores) == {
        "clip.accuracy",
        "clip.top_2",
        "vote.accuracy",
    }


def test_epochs_that_a_protocol_says_are_no_fewer(paper):
    said = PAPER.replace(
        "{split.name: honest}", "{split.name: honest, models.b.training.epochs: 15}"
    )
    (Path("papers") / "9.yaml").write_text(said)
    paper = definition.load("9")
    for run in runs("9", paper, systems=["b"], protocols=["honest"]):
        results.add(run, paper, metrics(0.3), seconds=1.0)
    lines = report.table("9", paper)
    assert any("0.300 ± 0.000 (2) [0.200, 0.400], 15 epochs |" in line for line in lines)
    assert not any("few epochs" in line for line in lines)


def test_the_page_in_docs_is_current():
    page = "\n".join(report.page()) + "\n"
    written = Path("docs/papers.md").read_text("utf-8")
    assert written == page, "run: soundstage papers table > docs/papers.md"
