"""Which stores the commits around a checkout record; what is made of them: tests/pipeline."""

import subprocess
from pathlib import Path

import pytest

from soundstage.committed import _recorded

LOCK = """stages:
  decode@pcm8:
    outs:
    - path: data/store/pcm8
      hash: md5
      md5: {}.dir
"""


@pytest.fixture
def git(tmp_path, monkeypatch):
    """Return git, at work in a repository of two branches that record another store each."""
    monkeypatch.chdir(tmp_path)

    def git(*words, code=0):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        assert subprocess.run(command, capture_output=True, check=False).returncode == code

    def commit(digest):
        Path("dvc.lock").write_text(LOCK.format(digest))
        git("add", "dvc.lock")
        git("commit", "-m", digest)

    git("init", "-b", "main")
    commit("base")
    git("checkout", "-b", "theirs")
    commit("theirs")
    git("checkout", "main")
    commit("ours")
    return git


def recorded():
    return set(_recorded(Path("data/store/pcm8")))


@pytest.mark.usefixtures("git")
def test_the_last_commit_counts_beside_the_workspace():
    Path("dvc.lock").write_text(LOCK.format("here"))
    assert recorded() == {"here.dir", "ours.dir"}


@pytest.mark.parametrize("committed", [False, True])
def test_both_sides_of_a_merge_count(git, committed):
    git("merge", "theirs", code=1)
    Path("dvc.lock").write_text(LOCK.format("merged"))
    if committed:
        git("add", "dvc.lock")
        git("commit", "-m", "both")
    assert recorded() == {"merged.dir", "ours.dir", "theirs.dir"}
