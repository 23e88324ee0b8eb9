"""A copy of this project in a folder of its own, in which commands run as a user types them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

SOURCE = Path(__file__).parents[1]
FILES = ("dvc.yaml", "params.yaml", "constraints.txt", "stages", "src", ".dvcignore", ".gitignore")

# What its params.yaml keeps of this project's: one of each kind, so that a run takes seconds.
KEPT = {
    "waveforms": {"pcm8", "audio22k"},
    "features": {"psd", "mel", "mfcc", "landmarks", "librosa_stats"},
    "models": {"cnn1d", "cnn1d_chunk", "crnn2d_gru", "stats_cnn", "svm", "mfcc_lstm"},
}

# Leaves a file for each clip, and takes its time.
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
    """A checkout of this project."""

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

    @classmethod
    def on(
        cls,
        root: Path,
        music: Path,
        clips_per_shard: int,
        kept: Mapping[str, Collection[str]] = KEPT,
    ) -> "Project":
        """Copy this project's files to a new folder, and set it up on a folder of music."""
        root.mkdir(parents=True)
        ignore = shutil.ignore_patterns("*.pyc*", "*.tmp.*", "*.lock", "*.egg-info")  # kernels stay
        for name in FILES:
            if (SOURCE / name).is_dir():
                shutil.copytree(SOURCE / name, root / name, ignore=ignore)
            else:
                shutil.copy(SOURCE / name, root / name)
        project = cls(root)
        project.keep(kept)
        project.run("git", "init", "-q", "-b", "main")
        project.run("dvc", "init", "-q")
        shutil.copy(SOURCE / ".dvc" / "config", root / ".dvc" / "config")
        project.replace("dataset: demo ", "dataset: folder ")
        project.replace("root: null", f"root: {music}")
        project.replace("clips_per_shard: 16", f"clips_per_shard: {clips_per_shard}")
        return project

    def publish(self, remote: Path) -> None:
        """Push what DVC keeps to a folder, and commit that it is the remote."""
        self.run("dvc", "remote", "add", "-d", "disk", str(remote))
        self.run("dvc", "push", "-q")
        self.commit("a remote")

    def clone(self, root: Path) -> "Project":
        """Clone this project's repository."""
        self.run("git", "clone", "-q", ".", str(root))
        kernels = "src/soundstage/dsp"  # the same files, and what numba has compiled of them
        shutil.copytree(self.root / kernels, root / kernels, dirs_exist_ok=True)
        return Project(root)

    def keep(self, names: Mapping[str, Collection[str]]) -> None:
        """Take all other entries out of some sections of params.yaml."""
        path = self.root / "params.yaml"
        section, kept, lines = "", True, []
        for line in path.read_text("utf-8").splitlines(keepends=True):
            if line[0] not in " #\n":
                section, kept = line.partition(":")[0], True
            elif section in names and (entry := re.match(r"  (\w+):", line)):
                kept = entry[1] in names[section]
            if kept:
                lines.append(line)
        path.write_text("".join(lines), "utf-8")

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start a command; its output is one pipe."""
        return subprocess.Popen(
            command, cwd=self.root, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *command: str, code: int | None = 0) -> str:
        """Run a command; return what it printed, and fail if it ends with another code."""
        process = self.start(*command)
        said, _ = process.communicate(timeout=900)
        assert code is None or process.returncode == code, said
        return said

    def replace(self, old: str, new: str, file: str = "params.yaml") -> None:
        """Replace the first occurrence of a text in a file; it must be there."""
        path = self.root / file
        text = path.read_text("utf-8")
        assert old in text, (file, old)
        path.write_text(text.replace(old, new, 1), "utf-8")

    def commit(self, message: str = "work") -> None:
        """Commit everything."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "-m", message)

    def add_slow_feature(self, seconds: float = 0.2) -> None:
        """Add a feature that leaves a file in `log` for each clip, and takes its time."""
        (self.root / "src/soundstage/features/slow.py").write_text(SLOW, "utf-8")
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
        return set(re.findall(r"^Running stage '(.+)'", said, re.M))
