"""What a stage began with, held against what is there at its end."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from soundstage import changes
from soundstage.errors import SoundstageError
from soundstage.params.reading import parsed
from soundstage.stage import of_worker

PROJECT = Path(__file__).parents[1]
PARAMS = """
seed: 0
model: knn   # the one in use
models:
  knn: {k: 5, weights: uniform}
  svm: {C: 1.0}
features:
  mel: {source: pcm8}
"""
PIPELINE = """
stages:
  features:
    foreach: ${features}
    do:
      cmd: python stages/features.py ${key}
      deps: ["store/${item.source}", code/mel.py]
      params: ["features.${key}"]

  train:
    cmd: python stages/train.py
    deps:
      - view.parquet

      # and these
      - code
    params: [seed, "models.${model}"]
    outs:
      - checkpoints
"""


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project with two stages, as `changes.given` reads it."""
    monkeypatch.chdir(tmp_path)
    files = {
        "params.yaml": PARAMS,
        "dvc.yaml": PIPELINE,
        "store/pcm8/0.npy": "0",
        "store/other/0.npy": "0",
        "code/mel.py": '"""Mel."""\n\nN = 1  # of something\n',
        "code/__pycache__/mel.pyc": "compiled",
        "view.parquet": "rows",
    }
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    monkeypatch.setattr(changes, "_code", {})


def note_code():
    """Note soundstage's code, as a stage does, and that of the project."""
    mel = Path("code/mel.py")
    changes.note_code()
    changes.note_code({str(mel.resolve()): (changes.mark(mel), mel.read_bytes())})


def given(stage):
    return changes.given(stage, Path("params.yaml").read_text())


def replace(old, new, file="params.yaml"):
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


def test_a_stage_is_given_what_stands_in_its_entry():
    features, train = given("features@mel"), given("train")
    assert (features.names, features.inputs) == (
        ("features.mel",),
        ("store/pcm8", "code/mel.py"),
    )
    assert (train.names, train.inputs) == (("seed", "models.knn"), ("view.parquet", "code"))
    assert given("../dvc.yaml:train").names == train.names
    assert given("").inputs == given("unknown").inputs == ()


def test_the_entries_of_this_project_are_those_that_dvc_sees():
    ask = """
import json, logging
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
found = {}
for stage in Repo().index.stages:
    params = [d for d in stage.deps if isinstance(d, ParamsDependency)]
    deps = [d.def_path for d in stage.deps if d not in params]
    found[stage.addressing] = [sorted(deps), sorted(sum((d.params for d in params), []))]
print(json.dumps(found))
"""
    told = subprocess.run(
        [sys.executable, "-c", ask], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    pipeline, params = (PROJECT / "dvc.yaml").read_text(), (PROJECT / "params.yaml").read_text()
    seen = json.loads(told.stdout)
    assert len(seen) > 20
    for stage, (inputs, names) in seen.items():
        entry = changes._entry(pipeline, stage, parsed(params))
        assert (sorted(entry["deps"]), sorted(entry["params"])) == (inputs, names), stage


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed: 0", "seed: 1", "seed 0 -> 1"),
        ("k: 5", "k: 7", "models.knn.k 5 -> 7"),
        ("k: 5, ", "", "models.knn.k 5 -> nothing"),
        ("k: 5", "k: 5, p: 2", "models.knn.p nothing -> 2"),
        ("  knn: {k: 5, weights: uniform}\n", "", "models.knn.k 5 -> nothing, "),
    ],
)
def test_a_changed_parameter_is_named_with_both_values(old, new, said):
    before = given("train")
    replace(old, new)
    with pytest.raises(SoundstageError, match=rf"^params.yaml changed while this .* ran: {said}"):
        changes.check(before)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("   # the one in use", "  # another remark"),
        ("{k: 5, weights: uniform}", "\n    weights: uniform\n    k: 5"),
        ("C: 1.0", "C: 2.0"),  # of another model
        ("model: knn", "model: svm"),  # is not what the stage says it reads
    ],
)
def test_remarks_layout_and_what_the_stage_does_not_read_are_no_change(old, new):
    before = given("train")
    replace(old, new)
    changes.check(before)


def test_a_parameter_file_that_is_none_any_more_is_told():
    before = given("train")
    Path("params.yaml").write_text("a: [")
    with pytest.raises(SoundstageError, match=r"params\.yaml: not YAML"):
        changes.check(before)
    Path("params.yaml").unlink()
    with pytest.raises(SoundstageError, match=r"params\.yaml: no such file"):
        changes.check(before)


def put(name, text):
    Path(name).write_text(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: put("view.parquet", "other rows"), "view.parquet"),
        (lambda: Path("view.parquet").unlink(), "view.parquet"),
        (lambda: (put("new", "rows"), Path("new").rename("view.parquet")), "view.parquet"),
        (lambda: put("code/mel.py", "N = 2"), "code/mel.py"),
        (lambda: put("code/mfcc.py", "N = 1"), "code/mfcc.py"),
        (lambda: put("code/mel.py", "N ="), "code/mel.py"),
    ],
)
def test_a_changed_input_is_named(change, said):
    note_code()
    before = given("train")
    change()
    with pytest.raises(SoundstageError, match=rf"^{re.escape(said)} changed while this .*; run ag"):
        changes.check(before)


def test_a_shard_of_an_input_is_named_and_no_other_folder_looked_at():
    before = given("features@mel")
    put("store/other/0.npy", "other")
    changes.check(before)
    put("store/pcm8/1.npy", "new")
    with pytest.raises(SoundstageError, match=r"^store/pcm8/1.npy changed"):
        changes.check(before)


def test_what_is_compiled_and_comments_are_no_change():
    note_code()
    before = given("train")
    put("code/__pycache__/mel.pyc", "compiled again")
    put("code/mel.py", '"""Mel, in other words."""\nN = 1\n')
    changes.check(before)


def test_several_changes_are_one_sentence():
    before = given("train")
    replace("seed: 0", "seed: 3")
    put("view.parquet", "other rows")
    said = "params.yaml, view.parquet changed while this stage ran: seed 0 -> 3; run again"
    with pytest.raises(SoundstageError, match=f"^{said}$"):
        changes.check(before)


def test_code_that_was_imported_is_held_against_what_was_noted():
    module = changes.__file__
    text = Path(module).read_bytes()
    changes.check_code()  # nothing was noted, as where soundstage is a library
    changes.note_code()
    changes.check_code()
    changes.note_code({module: ((0, 0, 0), text + b"\n# a remark")})
    changes.check_code()
    changes.note_code({module: ((0, 0, 0), text + b"\nN = 1")})
    with pytest.raises(SoundstageError, match=r"changes\.py changed while this stage ran; run"):
        changes.check_code()


def test_a_worker_holds_code_against_what_its_stage_noted(monkeypatch):
    monkeypatch.setattr(changes, "_shared", None)
    module = changes.__file__
    text = Path(module).read_bytes()
    changes.note_code({module: ((0, 0, 0), text + b"\nN = 1")})
    file = changes.noted_code()
    changes.note_code()
    changes.check_code()
    changes.note_code_of(file)
    changes._shared.close()
    with pytest.raises(SoundstageError, match=r"changes\.py changed while this stage ran; run"):
        changes.check_code()


def test_what_a_worker_is_sent_fits_in_a_pipe(monkeypatch):
    # One that is killed before it reads more than that keeps its stage waiting.
    monkeypatch.setattr(changes, "_shared", None)
    changes.note_code()
    assert len(pickle.dumps(of_worker())) < 2**12
    changes._shared.close()


def test_to_look_is_quick_also_at_many_shards():
    for i in range(2000):
        Path(f"store/pcm8/{i}.npy").touch()
    before = given("features@mel")
    assert len(before.marks) == 2001
    started = os.times().user + os.times().system
    changes.check(before)
    assert os.times().user + os.times().system - started < 0.2
