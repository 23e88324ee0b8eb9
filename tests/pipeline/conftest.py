"""A project of its own, made from this one's files, on which the real pipeline runs under DVC."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2]
FILES = ["dvc.yaml", "params.yaml", "constraints.txt", "stages", "src", ".dvcignore", ".gitignore"]

SLOW = '''
"""A feature that takes its time, so that it can be killed in the middle."""
import os
import time

import numpy as np

UNIT, AXES, DTYPE = "1", ("sample",), "float32"


def slow(y: np.ndarray, sr: int, *, seconds: float = 0.2) -> np.ndarray:
    open(f"{os.environ['SLOW_LOG']}/{time.time_ns()}", "w").close()
    time.sleep(seconds)
    return y[:sr].astype(np.float32)
'''


class Project:
    """A checkout in which commands run as a user would type them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root.parent / f"{root.name}-log"
        self.log.mkdir(exist_ok=True)
        binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = os.environ | {
            "PATH": binaries,
            "PYTHONPATH": str(root / "src"),  # for the command line; stages see to it themselves
            "SLOW_LOG": str(self.log),
            "DVC_SITE_CACHE_DIR": str(root.parent / f"{root.name}-site"),
            "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t",
            "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t",
        }  # fmt: skip
        self.environment.pop("DVC_ROOT", None)
        self.environment.pop("DVC_STAGE", None)

    def start(self, *command: str, **options) -> subprocess.Popen:
        return subprocess.Popen(
            command, cwd=self.root, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
        )  # fmt: skip

    def run(self, *command: str, code: int | None = 0) -> str:
        """Run a command; return what it printed, and fail if it ends with another code."""
        process = self.start(*command)
        said, _ = process.communicate(timeout=300)
        assert code is None or process.returncode == code, said
        return said

    def replace(self, old: str, new: str, file: str = "params.yaml") -> None:
        path = self.root / file
        text = path.read_text()
        assert old in text, (file, old)
        path.write_text(text.replace(old, new, 1))

    def commit(self, message: str = "work") -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "-m", message)

    def add_slow_feature(self, seconds: float = 0.2) -> None:
        """Add a feature that leaves a file in `log` for each clip, and takes its time."""
        (self.root / "src/soundstage/features/slow.py").write_text(SLOW)
        entry = f"features:\n  slow: {{kind: slow, source: pcm8, seconds: {seconds}}}\n"
        self.replace("features:\n", entry)

    def store(self, *names: str) -> dict[str, bytes]:
        """Return the files of the store, or of some of its features, and their bytes."""
        store = self.root / "data" / "store"
        files = (f for f in store.glob("*/*") if not names or f.parent.name in names)
        return {str(f.relative_to(store)): f.read_bytes() for f in files}

    def inodes(self) -> dict[str, int]:
        """Return the shards of the store and their inodes."""
        store = self.root / "data" / "store"
        shards = (f for f in store.glob("*/*") if f.name != "index.json")
        return {str(f.relative_to(store)): f.stat().st_ino for f in shards}

    def computed(self) -> int:
        """Return how many clips the slow feature was computed of so far."""
        return len(list(self.log.iterdir()))

    def stages_run(self, said: str) -> set[str]:
        """Return the stages that a command's output says were run."""
        lines = [line for line in said.splitlines() if line.startswith("Running stage '")]
        return {line.split("'")[1] for line in lines}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, music) -> Project:
    """A project with small models, in which `dvc repro` was run once and committed."""
    root = tmp_path_factory.mktemp("pipeline") / "project"
    root.mkdir()
    for name in FILES:
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        copy = SOURCE / name
        if copy.is_dir():
            shutil.copytree(copy, root / name, ignore=ignore)
        else:
            shutil.copy(copy, root / name)
    project = Project(root)
    project.run("git", "init", "-q", "-b", "main")
    project.run("dvc", "init", "-q")
    shutil.copy(SOURCE / ".dvc" / "config", root / ".dvc" / "config")
    project.replace("dataset: demo ", "dataset: folder ")
    project.replace("root: null", f"root: {music}")
    project.replace("model: mfcc_lstm ", "model: svm ")
    project.replace("clips_per_shard: 16", "clips_per_shard: 4")
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
