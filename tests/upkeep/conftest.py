"""A project of a few stages that print a word, which DVC ran once and git has committed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STAGES = r"""
stages:
  fetch:
    cmd:
      - mkdir -p data/.code/models
      - printf a > data/.code/a.json
      - printf b > data/.code/models/b.json
    outs: [{data/.code: {cache: false}}]
  split:
    cmd: printf 'the parts' > data/splits.parquet
    outs: [data/splits.parquet]
  evaluate:
    cmd:
      - mkdir -p data/plots metrics
      - printf x > data/plots/x.csv
      - printf y > data/plots/y.csv
      - printf '{"a":1}' > metrics/test.json
    deps: [data/splits.parquet]
    outs: [data/plots]
    metrics: [{metrics/test.json: {cache: false}}]
"""


@pytest.fixture(scope="session")
def printed(once):
    """The project; to be copied, not changed."""

    def make(folder):
        root = folder / "project"
        (root / "data").mkdir(parents=True)
        (root / "dvc.yaml").write_text(STAGES)
        (root / ".gitignore").write_text("/.soundstage/\n/data/\n")
        (root / "data" / ".gitkeep").touch()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "DVC_SITE_CACHE_DIR": str(folder / "site")}
        me = ["-c", "user.name=t", "-c", "user.email=t@t"]
        for command in (
            ["git", "init", "-q", "-b", "main"],
            ["dvc", "init", "-q"],
            ["dvc", "config", "cache.type", "hardlink,copy"],
            ["dvc", "repro", "-q"],
            ["git", "add", "-A"],
            ["git", *me, "commit", "-q", "-m", "ran"],
        ):
            subprocess.run(command, cwd=root, env=environment, check=True)

    return once("printed", make) / "project"


@pytest.fixture
def project(printed, tmp_path, monkeypatch):
    """A copy of it, in which this test works; with links as DVC made them."""
    root = tmp_path / "project"
    subprocess.run(["cp", "-a", str(printed), str(root)], check=True)
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "1")
    yield root
    shutil.rmtree(root)
