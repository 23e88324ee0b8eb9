"""Archives are unpacked once, whole or not at all, also after a kill or a full disk."""

import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from archives import FILES, INSIDE, METHODS, contents, write_tar, write_zip

from soundstage import unpack as module
from soundstage.errors import SoundstageError
from soundstage.unpack import is_unpacked, unpack


@pytest.fixture(autouse=True)
def two_threads_and_no_wait_for_the_disk(monkeypatch):
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "2")
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "raw" / "set"


def look_of(path):
    found = path.stat()
    return found.st_mode, found.st_mtime_ns, found.st_ctime_ns


@pytest.mark.parametrize("method", METHODS)
def test_a_zip_is_unpacked_without_its_outer_folder(tmp_path, folder, method, capsys):
    archive = write_zip(tmp_path / "set.zip", method=METHODS[method])
    assert not is_unpacked(folder)
    unpack(archive, folder)
    assert is_unpacked(folder)
    assert contents(folder) == INSIDE
    assert sorted(path.name for path in folder.parent.iterdir()) == [".set.lock", "set"]
    assert "unpack set.zip: 0 of 0 MB" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["tar", "gz", "bz2", "xz"])
def test_a_tar_is_unpacked_whatever_its_name(tmp_path, folder, kind):
    mode = "w" if kind == "tar" else f"w:{kind}"
    unpack(write_tar(tmp_path / "no ending at all", mode=mode), folder)
    assert contents(folder) == INSIDE
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*.mp3")}
    assert not any(mode & 0o7111 for mode in modes)


def test_the_zips_of_other_programs_are_read(tmp_path, folder):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "one.csv").write_bytes(b"a,b\n" * 1000)
    (tmp_path / "two.csv").write_bytes(b"c")
    command = ["zip", "-q", "-r", "-Z", "bzip2", "x.zip", "set", "two.csv"]
    try:
        subprocess.run(command, cwd=tmp_path, check=True)
    except FileNotFoundError:
        pytest.skip("Info-ZIP is not installed")
    unpack(tmp_path / "x.zip", folder)
    assert contents(folder) == {"set/one.csv": b"a,b\n" * 1000, "two.csv": b"c"}


def test_zip64_as_it_is_written_to_a_pipe(tmp_path, folder):
    with (
        (tmp_path / "x.zip").open("wb") as file,
        zipfile.ZipFile(file, "w") as archive,
        archive.open("a.mp3", "w", force_zip64=True) as member,
    ):
        member.write(b"music")
    unpack(tmp_path / "x.zip", folder)
    assert contents(folder) == {"a.mp3": b"music"}


def test_parts_are_joined(tmp_path, folder):
    whole = write_zip(tmp_path / "whole.zip").read_bytes()
    third = len(whole) // 3 + 1
    for i in range(3):
        (tmp_path / f"mp3.zip.{i + 1:03d}").write_bytes(whole[i * third : (i + 1) * third])
    unpack(tmp_path / "mp3.zip.001", folder)
    assert contents(folder) == INSIDE
    with pytest.raises(SoundstageError, match=r"is not the first part; name mp3\.zip\.001"):
        unpack(tmp_path / "mp3.zip.002", folder)
    (tmp_path / "mp3.zip.002").rename(tmp_path / "elsewhere")
    with pytest.raises(SoundstageError, match=r"mp3\.zip\.002 is not beside it"):
        unpack(tmp_path / "mp3.zip.001", folder)
    (tmp_path / "mp3.zip.003").unlink()
    with pytest.raises(SoundstageError, match="not all of it is there"):
        unpack(tmp_path / "mp3.zip.001", folder.with_name("other"))


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_a_read_only_archive_in_a_read_only_folder_is_left_as_it_is(tmp_path, folder, write):
    home = tmp_path / "mine"
    home.mkdir()
    archive = write(home / "x")
    archive.chmod(0o400)
    home.chmod(0o500)
    before = look_of(archive), look_of(home), sorted(home.rglob("*"))
    unpack(archive, folder)
    after = look_of(archive), look_of(home), sorted(home.rglob("*"))
    home.chmod(0o700)
    assert after == before
    assert contents(folder) == INSIDE


def test_unpacking_again_touches_nothing_and_needs_no_second_read(tmp_path, folder, monkeypatch):
    archive = write_zip(tmp_path / "set.zip")
    unpack(archive, folder)
    (folder / "rock" / "Motörhead.mp3").unlink()  # the user's own choice
    os.utime(archive, (0, 0))
    monkeypatch.setattr(module, "_unpack", None)
    unpack(archive, folder)
    assert not (folder / "rock" / "Motörhead.mp3").exists()


def test_another_archive_does_not_replace_what_is_there(tmp_path, folder):
    unpack(write_zip(tmp_path / "set.zip"), folder)
    with pytest.raises(SoundstageError, match=r"set: holds something else .*move it away"):
        unpack(write_zip(tmp_path / "set.zip", {"other.mp3": b"other"}), folder)
    assert contents(folder) == INSIDE


def test_a_folder_with_the_users_own_files_is_not_unpacked_into(tmp_path, folder):
    folder.mkdir(parents=True)
    (folder / "mine.mp3").write_bytes(b"mine")
    with pytest.raises(SoundstageError, match="holds something else"):
        unpack(write_zip(tmp_path / "set.zip"), folder)
    (folder / "mine.mp3").unlink()
    unpack(tmp_path / "set.zip", folder)
    assert contents(folder) == INSIDE


def test_a_macs_resource_forks_are_left_out(tmp_path, folder):
    unpack(write_zip(tmp_path / "x.zip", FILES | {"__MACOSX/set/._1.mp3": b"fork"}), folder)
    assert contents(folder) == INSIDE


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_after_a_kill_what_is_there_is_kept(tmp_path, folder, write):
    files = {f"{i}.mp3": np.random.default_rng(i).bytes(40_000) for i in range(200)}
    archive = write(tmp_path / "x", files)
    code = (
        "import sys, time; from pathlib import Path; from soundstage import unpack\n"
        "put = unpack._put\n"
        "unpack._put = lambda *of: (time.sleep(0.005), put(*of))[1]\n"
        "unpack.unpack(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, archive, folder]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (there := {path.name: path for path in folder.parent.rglob("*.mp3")}):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = {path.name: path.stat().st_ino for path in folder.parent.rglob("*.mp3")}
    assert 0 < len(there) < len(files)
    assert not folder.exists()
    unpack(archive, folder)
    assert contents(folder) == files
    assert {name: (folder / name).stat().st_ino for name in there} == there


def test_what_a_power_cut_left_torn_is_unpacked_again(tmp_path, folder, monkeypatch):
    archive = write_zip(tmp_path / "x.zip")

    def cut(work, *_):
        (work / "files" / "set" / "blues" / "1.mp3").write_bytes(bytes(70_000))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_finish", cut)
        with pytest.raises(KeyboardInterrupt):
            unpack(archive, folder)
    unpack(archive, folder)
    assert contents(folder) == INSIDE


def test_what_was_begun_with_another_archive_is_removed(tmp_path, folder, monkeypatch):
    archive = write_zip(tmp_path / "x.zip")
    with monkeypatch.context() as patch:
        patch.setattr(module, "_finish", lambda work, *_: (work / "files").rmdir())
        with pytest.raises(SoundstageError, match="Directory not empty"):
            unpack(archive, folder)
    unpack(write_zip(tmp_path / "x.zip", {"set/new.mp3": b"new"}), folder)
    assert contents(folder) == {"new.mp3": b"new"}
    assert sorted(path.name for path in folder.parent.iterdir()) == [".set.lock", "set"]


def test_no_room_is_said_before_anything_is_written(tmp_path, folder, monkeypatch):
    archive = write_zip(tmp_path / "x.zip")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(SoundstageError, match=r"needs 0\.0 GB more in .*raw, where 0\.0 GB are"):
        unpack(archive, folder)
    assert not list(folder.parent.rglob("*.mp3"))


def test_a_full_disk_is_said_and_what_is_there_is_kept(tmp_path, folder):
    archive = write_tar(tmp_path / "x.tar")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (75_000, before[1]))
    try:
        with pytest.raises(SoundstageError, match=r"cannot write .*make room and run again"):
            unpack(archive, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, was)
    assert len(list(folder.parent.rglob("*.mp3"))) == 4
    unpack(archive, folder)
    assert contents(folder) == INSIDE
