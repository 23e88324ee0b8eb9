"""The gate, on real runs: another seed passes, shuffled labels do not."""

import itertools
import json
import sys
from pathlib import Path

import pytest

from soundstage import params
from soundstage.gate import compare

SOURCE = Path(__file__).parents[2]

SHUFFLE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from spread import shuffled
view = Path("data/views/svm.parquet")
shuffled(view, seed=0).replace(view)
"""


def test_a_run_passes_against_itself(finished):
    said = finished.run("soundstage", "gate", "main")
    assert "Pass: all" in said


def test_shuffled_labels_fail(project):
    project.run(sys.executable, "-c", SHUFFLE, str(SOURCE / "benchmarks"))
    project.run("python", "stages/train.py")
    project.run("python", "stages/evaluate.py")
    said = project.run("soundstage", "gate", "main", code=1)
    assert "clip.accuracy" in said
    assert "regression" in said


def test_a_feature_that_drifts_fails(project):
    """Its mean moves by 3 dB, by a change of code; no model has seen it yet."""
    louder = "decibels(S, top_db) + np.float32(3)"
    project.replace("decibels(S, top_db)", louder, "src/soundstage/features/mel.py")
    project.run("dvc", "repro", "describe@mel")
    said = project.run("soundstage", "gate", "main", code=1)
    of_mel = said.partition("metrics/features/mel.json")[2].partition("metrics/")[0]
    [line] = [line for line in of_mel.splitlines() if line.split()[:1] == ["mean"]]
    assert "regression" in line
    assert said.count("regression") == 1


@pytest.mark.parametrize("content", [None, "", "{}", "{", '{"clip": {"accuracy": NaN}}'])
def test_missing_broken_and_empty_metrics_fail(project, content):
    file = project.root / "metrics" / "test.json"
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert "Fail: " in project.run("soundstage", "gate", "main", code=1)


def test_a_commit_without_metrics_cannot_tell(project):
    first = project.run("git", "rev-list", "--max-parents=0", "HEAD").strip()
    assert "Cannot tell" in project.run("soundstage", "gate", first, code=2)
    assert "Cannot tell" in project.run("soundstage", "gate", "no-such-branch", code=2)


def test_the_recorded_spread_passes_and_the_recorded_shuffled_labels_fail():
    spread = json.loads((SOURCE / "docs" / "spread.json").read_text())
    rules = params.load(SOURCE / "params.yaml").top.gate["metrics/test.json"]
    rules = {key: rule for key, rule in rules.items() if key.startswith("clip.")}
    same = {"dataset": spread["dataset"]}
    runs = [same | {"clip": scores} for scores in spread["seeds"].values()]
    assert len(runs) == 10
    runs.append(same | {"clip": spread["one_thread"]})
    for old, new in itertools.permutations(runs, 2):
        assert {row.verdict for row in compare(old, new, rules)} == {"pass"}
    wrong = same | {"clip": spread["shuffled_labels"]}
    for old in runs:
        assert "regression" in {row.verdict for row in compare(old, wrong, rules)}
    for key, tolerance in spread["tolerance"].items():
        assert rules[f"clip.{key}"].tolerance == tolerance


def test_the_tolerances_of_feature_statistics_are_the_recorded_ones():
    gate = params.load(SOURCE / "params.yaml").top.gate
    for file, means in json.loads((SOURCE / "docs" / "drift.json").read_text()).items():
        watched = {k: r.tolerance for k, r in gate[file].items() if k.endswith("mean")}
        assert watched == means
