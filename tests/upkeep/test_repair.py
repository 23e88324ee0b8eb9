"""Mending outputs that are not in the store; the store: tests/pipeline/test_upkeep.py."""

import subprocess
import sys
from pathlib import Path

import pytest
from damage import flip

from soundstage import params
from soundstage.errors import SoundstageError
from soundstage.upkeep.repair import repair
from soundstage.upkeep.verify import verify

PARAMS = params.load(Path(__file__).parents[2] / "params.yaml")


def content(root):
    return {
        path: path.read_bytes()
        for folder in ("data", "metrics")
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


def dvc(*words):
    subprocess.run([sys.executable, "-m", "dvc", *words], check=True, capture_output=True)


@pytest.fixture
def before(project):
    return content(project)


def test_what_is_committed_comes_from_the_commit(project, before, capsys):
    flip(project / "metrics" / "test.json")
    assert repair(PARAMS, verify()) == ["metrics/test.json: mended"]
    assert content(project) == before
    assert verify().intact
    assert not capsys.readouterr().out


def test_what_dvcs_cache_has_comes_from_there(project, before):
    for name in ("splits.parquet", "plots/x.csv"):
        path = project / "data" / name
        path.unlink()  # no link to what the cache holds any more
        path.write_bytes(b"other")
    done = repair(PARAMS, verify())
    assert sorted(done) == ["data/plots/x.csv: mended", "data/splits.parquet: mended"]
    assert content(project) == before
    assert verify().intact


def test_what_only_the_workspace_has_goes_to_dvcs_cache_again(project, before):
    name = project / "data" / "splits.parquet"
    whole = name.read_bytes()
    flip(name)  # and so what DVC's cache holds
    name.unlink()
    name.write_bytes(whole)
    assert repair(PARAMS, verify()) == ["data/splits.parquet: DVC's cache is mended"]
    assert content(project) == before
    assert verify().intact


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("data/splits.parquet", "data/splits.parquet"),
        ("data/plots/y.csv", "data/plots/y.csv"),
        ("data/.code/a.json", "data/.code"),
    ],
)
def test_what_is_whole_nowhere_is_removed_and_said_and_made_again(project, before, name, lost):
    flip(project / name)
    with pytest.raises(SoundstageError, match=rf"removed: {lost}; run `dvc repro`"):
        repair(PARAMS, verify())
    assert not (project / lost).exists()
    dvc("repro", "-q")
    assert content(project) == before
    assert verify().intact
    dvc("checkout", "-q", "--force")
    assert content(project) == before


def test_what_was_mended_before_that_is_said(project, capsys):
    flip(project / "data" / "splits.parquet")
    flip(project / "metrics" / "test.json")
    with pytest.raises(SoundstageError, match=r"removed: data/splits\.parquet; run"):
        repair(PARAMS, verify())
    assert capsys.readouterr().out == "metrics/test.json: mended\n"


def test_nothing_is_touched_while_the_lock_is_damaged(project, before):
    lock = project / "dvc.lock"
    whole = lock.read_bytes()
    flip(project / "data" / "splits.parquet")
    damaged = content(project)
    lock.write_bytes(b"<<<<<<< HEAD\n" + whole)
    with pytest.raises(SoundstageError, match=r"dvc\.lock: .*run `git checkout dvc.lock`, then"):
        repair(PARAMS, verify())
    assert content(project) == damaged != before
