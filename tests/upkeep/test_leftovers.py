"""What killed runs left is found, and what is in use is not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from soundstage.upkeep.leftovers import leftovers

DEAD = 999_999_999


@pytest.fixture(autouse=True)
def _at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)


def make(name, seconds=4000, content=b"torn"):
    """Write a file that was last written to so many seconds ago, in folders as old."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    for each in (path, *path.parents):
        os.utime(each, times=(time.time() - seconds,) * 2)
    return path.resolve()


def found():
    return {each.path for each in leftovers()}


def test_files_of_dead_processes(tmp_path):
    shelf, key = ".soundstage/shards/abc", "a" * 16
    torn = {
        make(f"{shelf}/.{DEAD}.0110-{key}.h5"),
        make(f"{shelf}/.{DEAD}.all-{key}.parquet"),
        make(f"{shelf}/..{DEAD}.0110-{key}.h5.{DEAD}.tmp"),
        make(f".soundstage/hashes/.x.parquet.{DEAD}.tmp"),
    }
    make(f"{shelf}/.{os.getpid()}.0110-{key}.h5")
    make(f"{shelf}/.{DEAD - 1}.0110-{key}.h5", seconds=60)
    make(f"{shelf}/0110-{key}-0-{'b' * 64}.h5")
    make(f"{shelf}/.{DEAD}.compiled")
    assert found() == torn
    for each in leftovers():
        assert (each.size, each.freed) == (4, 4)
        each.remove()
    assert not any(path.exists() for path in torn)
    assert len(list((tmp_path / shelf).iterdir())) == 4


def test_copies_of_the_project_in_which_nobody_works():
    exps = ".dvc/tmp/exps"
    kept = make(f"{exps}/run/abc/abc.run")
    left = [
        make(f"{exps}/standalone/tmp{i}/data/store/x.h5", content=bytes(1000)).parents[2]
        for i in range(2)
    ]
    left += [make(f"{exps}/tmp2/params.yaml").parent, make(".soundstage/committed-x/a.h5").parent]
    fresh = make(f"{exps}/standalone/tmp3/params.yaml").with_name("dvc.lock")
    fresh.touch()
    assert found() == set(left)
    wait = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", wait], cwd=left[0] / "data", stdin=-1, stdout=-1
    ) as process:
        process.stdout.readline()
        assert found() == set(left[1:])
        begun = [each for each in leftovers() if each.path == left[1]]
        assert (begun[0].size, begun[0].freed) == (1000, 1000)
        (left[1] / "dvc.lock").touch()
        begun[0].remove()  # somebody began to use it meanwhile
        assert left[1].exists()
        process.stdin.close()
        process.wait()
    for each in leftovers():
        each.remove()
    assert not left[0].exists()
    assert kept.exists()
