"""A paper's runs, done by DVC and in one process."""

import pytest

from soundstage.papers import results, session

PAPER = """
title: A paper
dataset: folder
params: {target: genre}
protocols:
  honest:
    says: its own split
    params: {split.name: honest, training.keep: last}
    over: {seed: [5]}
systems:
  cnn: {model: stats_cnn, printed: {clip.accuracy: 1.0, clip.roc_auc: 1.0}}
also: [clip.average_precision]
"""


@pytest.fixture
def project(project, monkeypatch):
    """The finished project with a paper; this process is in its folder, too."""
    (project.root / "papers").mkdir()
    (project.root / "papers" / "9.yaml").write_text(PAPER)
    for name in ("DVC_ROOT", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project.root)
    return project


def test_dvc_and_one_process_give_the_same_scores(project, monkeypatch):
    def result():
        (found,) = results.read("9", "folder")
        results.file("9", "folder").unlink()
        return found.name, found.split, found.scores, found.intervals

    project.run("soundstage", "papers", "run", "9", "-S", "training.epochs=1")
    name, split, scores, intervals = by_dvc = result()
    assert name in project.run("dvc", "exp", "list", "--name-only")
    assert split == "group"
    assert (
        set(scores)
        == set(intervals)
        == {
            "clip.accuracy",
            "clip.roc_auc",
            "clip.average_precision",
        }
    )
    assert 0.3 < scores["clip.average_precision"] < 1  # or any run would give the same
    # It ran in a checkout of its own: the workspace has its parameters still.
    assert not project.run("git", "status", "--porcelain", "--untracked-files=no")

    one_epoch = ["training.epochs=1"]
    session.do("9", settings=one_epoch, direct=True)
    assert result() == by_dvc

    # The experiment is there: its scores are taken over, and nothing is trained.
    monkeypatch.setattr(session, "with_dvc", None)
    session.do("9", settings=one_epoch)
    assert result() == by_dvc
