"""What is found of damage and said of it; on a real store: tests/pipeline/test_upkeep.py."""

import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest
from damage import flip

from soundstage.store.shards import Row
from soundstage.upkeep.verify import Claim, Report, verify


def test_rows_that_the_disk_does_not_give_hide_no_other_damage(fill, tmp_path, monkeypatch):
    shard = next(
        fill("psd", [Row("0" * 32, np.ones(4, np.float32))], axes=("frame",)).shards()
    ).path
    gone = tmp_path / "gone.h5"

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", fail)
    claims = [Claim(path, "store", "sha256", "0" * 64) for path in (shard, gone)]
    assert Report(2, 100, claims, []).lines() == [
        f"{shard}: damaged (not readable)",
        f"{gone}: damaged (gone)",
        "2 files, 0.0 MB read: 2 damaged; run `soundstage repair`",
    ]


def said():
    report = verify()
    return report.intact, report.lines()


@pytest.mark.usefixtures("project")
def test_what_dvc_left_is_as_written():
    intact, lines = said()
    assert intact
    assert len(lines) == 1
    assert re.fullmatch(r"\d+ files, 0.0 MB read: all as written", lines[0])


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "subject", "way"),
    [
        ("metrics/test.json", "metrics/test.json", "`git checkout metrics/test.json` brings it"),
        ("data/.code/a.json", "data/.code", "removes it for `dvc repro fetch`"),
        ("data/.code/models/b.json", "data/.code", "removes it for `dvc repro fetch`"),
        ("data/splits.parquet", "data/splits.parquet", "removes it for `dvc repro split`"),
        ("data/plots/y.csv", "data/plots/y.csv", "removes it for `dvc repro evaluate`"),
    ],
)
def test_every_output_is_named_with_the_way_back(name, subject, way):
    flip(Path(name))
    intact, lines = said()
    assert not intact
    assert len(lines) == 2
    assert lines[0].startswith(f"{subject}: damaged; ")
    assert way in lines[0]
    assert lines[1].endswith("read: 1 damaged; run `soundstage repair`")
    flip(Path(name))
    assert said()[0]


@pytest.mark.usefixtures("project")
def test_what_is_missing_of_a_folder_is_gone_and_what_was_never_here_is_not():
    Path("data/plots/x.csv").unlink()
    Path("data/splits.parquet").unlink()  # as in a clone that did not pull it
    intact, lines = said()
    assert not intact
    assert lines[0].startswith("data/plots/x.csv: damaged (gone); ")
    assert len(lines) == 2


@pytest.mark.usefixtures("project")
def test_a_fifo_in_the_place_of_an_output_is_not_waited_for():
    Path("metrics/test.json").unlink()
    os.mkfifo("metrics/test.json")
    assert said()[1][0].startswith("metrics/test.json: damaged; ")


@pytest.mark.usefixtures("project")
def test_only_the_cached_copy_may_be_damaged():
    name = Path("data/splits.parquet")
    content = name.read_bytes()
    (cached,) = (f for f in Path(".dvc/cache").rglob("*") if f.is_file() and f.samefile(name))
    name.unlink()
    name.write_bytes(content)
    flip(cached)
    intact, lines = said()
    assert not intact
    assert lines[0] == f"data/splits.parquet: damaged in DVC's cache ({cached.resolve()})"


BROKEN = [
    lambda text: text[: len(text) // 2].replace(b"md5: ", b"md5 ", 1),
    lambda text: b"<<<<<<< HEAD\n" + text,
    lambda text: b"\xff" + text,
    lambda _: b"[]",
    lambda text: text.replace(b"stages:", b"stages: 3 #"),
    lambda text: text.replace(b"    outs:", b"\touts:", 1),
    lambda text: text.replace(b"cmd:", b"cmd: &a *a", 1),
]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("harm", BROKEN)
def test_a_lock_that_cannot_be_read_is_named_and_the_rest_is_verified(harm):
    lock = Path("dvc.lock")
    lock.write_bytes(harm(lock.read_bytes()))
    intact, lines = said()
    assert not intact
    assert re.fullmatch(
        r"dvc\.lock: cannot be read by DVC \(.*\); run `git checkout dvc.lock`", lines[0]
    )
    assert lines[-1].endswith("1 damaged; run `soundstage repair`")


STAGE = {  # output -> the stage that makes it, in dvc.lock
    "data/splits.parquet": "\n  split:",
    "metrics/test.json": "\n  evaluate:",
    "data/.code": "\n  fetch:",
    "data/plots": "\n  evaluate:",
}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", STAGE)
def test_a_lock_with_another_md5_is_to_blame_and_not_the_file(name):
    lock = Path("dvc.lock")
    text = lock.read_text()
    at = text.index("md5: ", text.index(f"- path: {name}\n", text.index(STAGE[name]))) + 5
    lock.write_text(text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :])
    intact, lines = said()
    assert not intact
    assert lines[0].startswith(f"dvc.lock: records other bytes of {name} than are here")
    assert lines[0].endswith("run `git checkout dvc.lock`")


@pytest.mark.usefixtures("project")
def test_a_lock_that_is_not_the_commits_is_said():
    lock = Path("dvc.lock")
    lock.write_text(lock.read_text().replace("printf 'the", "printf  'the"))
    intact, lines = said()
    assert intact
    assert "all as written" in lines[0]
    assert lines[1].startswith("dvc.lock: is not the last commit's; ")
    assert "`git checkout dvc.lock`" in lines[1]
