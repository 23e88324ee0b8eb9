"""Projects of their own, made from this one's files, on which the real pipeline runs under DVC."""

import subprocess
from pathlib import Path

import pytest
from project import Project


@pytest.fixture(scope="session")
def finished(once, music) -> Project:
    """A project with small models, in which `dvc repro` was run once and committed.

    `said.txt` beside its folder holds what the run printed.
    """

    def make(folder):
        project = Project.on(folder / "project", music, clips_per_shard=4)
        project.replace("model: mfcc_lstm ", "model: svm ")
        project.replace("epochs: 200", "epochs: 20")
        project.replace("n_bootstrap: 1000", "n_bootstrap: 100")
        project.commit("start")
        (folder / "said.txt").write_text(project.run("dvc", "repro"))
        project.commit("first run")

    return Project(once("finished", make) / "project")


@pytest.fixture(scope="session")
def counted(once, finished) -> Project:
    """The finished project with a feature that counts its extractions, built and committed."""

    def make(folder):
        project = copy(finished, folder / "project")
        project.add_slow_feature(seconds=0.0)
        project.run("dvc", "repro")
        project.commit("a feature that counts")

    return Project(once("counted", make) / "project")


def copy(project: Project, root: Path) -> Project:
    subprocess.run(["cp", "-a", str(project.root), str(root)], check=True)
    return Project(root)


@pytest.fixture
def counting(counted, tmp_path) -> Project:
    """A copy of the project with the counting feature, to be changed; its count begins at 0."""
    return copy(counted, tmp_path / "project")


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A copy of the finished project, to be changed."""
    return copy(finished, tmp_path / "project")
