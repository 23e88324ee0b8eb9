"""Projects of their own, made from this one's files, on which the real pipeline runs under DVC."""

import subprocess

import pytest
from project import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory, music) -> Project:
    """A project with small models, in which `dvc repro` was run once and committed."""
    root = tmp_path_factory.mktemp("pipeline") / "project"
    project = Project.on(root, music, clips_per_shard=4)
    project.replace("model: mfcc_lstm ", "model: svm ")
    project.replace("epochs: 200", "epochs: 20")
    project.replace("n_bootstrap: 1000", "n_bootstrap: 100")
    project.commit("start")
    project.said = project.run("dvc", "repro")
    project.commit("first run")
    return project


@pytest.fixture(scope="session")
def counted(finished, tmp_path_factory) -> Project:
    """The finished project with a feature that counts its extractions, built and committed."""
    root = tmp_path_factory.mktemp("counted") / "project"
    subprocess.run(["cp", "-a", str(finished.root), str(root)], check=True)
    project = Project(root)
    project.add_slow_feature(seconds=0.0)
    project.run("dvc", "repro")
    project.commit("a feature that counts")
    return project


@pytest.fixture
def counting(counted, tmp_path) -> Project:
    """A copy of the project with the counting feature, to be changed; its count begins at 0."""
    root = tmp_path / "project"
    subprocess.run(["cp", "-a", str(counted.root), str(root)], check=True)
    return Project(root)


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A copy of the finished project, to be changed."""
    root = tmp_path / "project"
    subprocess.run(["cp", "-a", str(finished.root), str(root)], check=True)
    return Project(root)
