"""A disk that refuses a write: a clear error, nothing torn, and the next build completes."""

import errno
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from computing import DESCRIPTION, Compute, content, keys

from soundstage.errors import SoundstageError
from soundstage.store import shards
from soundstage.store.build import build
from soundstage.store.read import Feature

EVENTS = {"open", "os.rename", "os.link", "os.mkdir"}


class Disk:
    """Refuses the n-th change to a folder, as a full disk does."""

    def __init__(self):
        self.folder, self.left, self.refused = None, 0, None
        sys.addaudithook(self._hook)

    def refuse(self, folder, after):
        self.folder, self.left = str(folder), after

    def _hook(self, event, arguments):
        if self.folder is None or event not in EVENTS or self.folder not in str(arguments[0]):
            return
        if event == "os.mkdir" and Path(arguments[0]).exists():
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        self.left -= 1
        if self.left < 0:
            path = str(arguments[event == "os.link"])  # a link is made at its second argument
            self.folder, self.refused = None, Path(path)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


@pytest.fixture(scope="module")
def disk():
    return Disk()  # one for all: a hook stays for the process's life


def make(root, folder, cache, n=20):
    build(
        root / folder, DESCRIPTION, keys(n), Compute(root / "log"),
        clips_per_shard=4, cache=root / cache,
    )  # fmt: skip


def attempt(*arguments):
    """Return the error of `make`, or nothing."""
    try:
        make(*arguments)
    except SoundstageError as error:
        return str(error)
    return ""


def test_whatever_is_refused_the_store_stays_valid_and_the_next_build_completes(
    disk, tmp_path, monkeypatch
):
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "1")
    (tmp_path / "log").mkdir()
    make(tmp_path, "undisturbed", "c")
    expected = content(tmp_path / "undisturbed")
    refused = 0
    for after in range(1000):
        root = tmp_path / str(after)
        (root / "log").mkdir(parents=True)
        disk.refuse(root, after)
        if said := attempt(root, "store", "c"):
            named = Path(re.search("cannot write ([^ :]+)", said)[1])
            assert named == disk.refused or named.parent == disk.refused.parent, said
            assert "No space left on device; make room and run again" in said
            refused += 1
        if disk.folder is not None:  # fewer changes than that
            disk.folder = None
            break
        if (root / "store" / "index.json").exists():
            assert content(root / "store") == expected
        make(root, "store", "c")
        assert content(root / "store") == expected
        assert len(list((root / "log").iterdir())) <= 20 + 4
    assert refused > 20


def write_large(path, suffix):
    """Write a shard of more than a megabyte."""
    names = tuple(f"c{i}" for i in range(600))
    layout = {"axes": ("column",), "columns": names} if suffix else {"axes": ("sample",)}
    rng = np.random.default_rng(0)
    rows = [shards.Row(f"{i:032x}", rng.random(600, np.float32)) for i in range(500)]
    shards.write(Path(path), rows, [], dtype="float32", **layout)


def refused_beyond(size, path, suffix):
    """Write a shard where no file may grow beyond `size` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        write_large(path, suffix)
    except SoundstageError as error:
        print(error)


@pytest.mark.parametrize("suffix", ["", "parquet"])
def test_a_shard_that_does_not_fit_is_named_with_its_size(tmp_path, suffix):
    whole = tmp_path / "whole"
    write_large(whole, suffix)
    about = whole.stat().st_size / 1e6
    assert about > 1
    whole.unlink()
    for size in (0, 100, 1_000_000):
        code = f"import test_full_disk as t; t.refused_beyond({size}, 'shard', {suffix!r})"
        here = str(Path(__file__).parent)
        said = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, text=True, capture_output=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([here, *sys.path])},
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        expected = f"cannot write shard (about {about:.1f} MB): File too large; make room"
        assert said.stdout.startswith(expected)
        assert not list(tmp_path.iterdir())


def test_what_stood_before_stands_after(disk, tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "1")
    (tmp_path / "log").mkdir()
    make(tmp_path, "store", "c")
    before = content(tmp_path / "store")
    for after in range(1000):
        disk.refuse(tmp_path, after)
        if not attempt(tmp_path, "store", "c", 25):
            break
        assert content(tmp_path / "store") == before
    disk.folder = None
    assert after > 5
    assert Feature(tmp_path / "store").members() == sorted(keys(25))
