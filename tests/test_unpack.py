import gzip
import io
import os
import random
import resource
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from soundstage import members
from soundstage import unpack as module
from soundstage.errors import SoundstageError
from soundstage.unpack import is_unpacked, unpack

FILES = {
    "set/blues/1.mp3": np.random.default_rng(1).bytes(70_000),
    "set/blues/2 (live).mp3": np.random.default_rng(2).bytes(5_000),
    "set/rock/=1+1.mp3": b"",
    "set/rock/Motörhead.mp3": np.random.default_rng(3).bytes(1_000),
    "set/labels.csv": b"0,1,0,0\n" * 10_000,
}
INSIDE = {name.removeprefix("set/"): content for name, content in FILES.items()}
METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


@pytest.fixture(autouse=True)
def two_threads_and_no_wait_for_the_disk(monkeypatch):
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "2")
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "raw" / "set"


def write_zip(path, files=FILES, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path, files=FILES, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o7777
            archive.addfile(info, io.BytesIO(content))
    return path


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".unpacked"
    }


def all_names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


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
    before = archive.stat(), home.stat(), all_names(home)
    unpack(archive, folder)
    after = archive.stat(), home.stat(), all_names(home)
    home.chmod(0o700)
    for was, now in zip(before[:2], after[:2], strict=True):
        assert (was.st_mode, was.st_mtime_ns, was.st_ctime_ns) == (
            now.st_mode,
            now.st_mtime_ns,
            now.st_ctime_ns,
        )
    assert before[2] == after[2]
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


@pytest.mark.parametrize("write", [write_zip, write_tar])
@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "a/..", "..\\evil", "C:\\evil", "..", "a/../b"]
)
def test_no_name_leads_out_of_the_folder(tmp_path, folder, write, name):
    archive = write(tmp_path / "x", {"good.mp3": b"good", name: b"evil"})
    with pytest.raises(SoundstageError) as error:
        unpack(archive, folder)
    assert f"its member {name!r} leads out of the archive's folder" in str(error.value)
    assert not folder.exists()
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("kind", ["SYMTYPE", "LNKTYPE", "CHRTYPE", "BLKTYPE", "FIFOTYPE"])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, folder, kind):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        info = tarfile.TarInfo("set/passwd.mp3")
        info.type, info.linkname = getattr(tarfile, kind), "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(SoundstageError, match=r"'set/passwd\.mp3' is a link or a device"):
        unpack(tmp_path / "x.tar", folder)
    assert not folder.exists()


def test_a_member_without_a_name_is_refused(tmp_path, folder):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"music")
    with pytest.raises(SoundstageError, match="its member '' is malformed"):
        unpack(tmp_path / "x.zip", folder)


def test_links_in_a_zip_are_refused(tmp_path, folder):
    info = zipfile.ZipInfo("passwd.mp3")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(SoundstageError, match="is a link or a device"):
        unpack(tmp_path / "x.zip", folder)


def test_a_name_that_is_there_twice_is_refused(tmp_path, folder):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.mp3", b"one")
        archive.writestr("./a.mp3", b"two")
    with pytest.raises(SoundstageError, match=r"'\./a\.mp3' is there twice"):
        unpack(tmp_path / "x.zip", folder)


def test_what_zipfile_cannot_unpack_is_said(tmp_path, folder):
    for name, at, value in (("secret", 8, 1), ("deflate64", 10, 9)):
        whole = bytearray(write_zip(tmp_path / "x.zip", {"a.mp3": b"music"}).read_bytes())
        struct.pack_into("<H", whole, whole.index(b"PK\1\2") + at, value)
        (tmp_path / f"{name}.zip").write_bytes(whole)
    with pytest.raises(SoundstageError, match=r"'a\.mp3' is encrypted; .* unpack it yourself"):
        unpack(tmp_path / "secret.zip", folder)
    with pytest.raises(SoundstageError, match=r"'a\.mp3' is packed by method 9, unknown"):
        unpack(tmp_path / "deflate64.zip", folder)


@pytest.mark.parametrize("write", [write_zip, lambda path, files: write_tar(path, files, "w:gz")])
def test_what_unpacks_to_too_much_is_refused(tmp_path, folder, write, monkeypatch):
    archive = write(tmp_path / "x", {f"{i}.wav": bytes(500_000) for i in range(4)})
    monkeypatch.setattr(members, "ALWAYS", 1_000_000)
    monkeypatch.setattr(members, "TIMES", 1)
    with pytest.raises(SoundstageError, match=r"unpacks to more than 0\.0 GB .* too much for its"):
        unpack(archive, folder)
    monkeypatch.setattr(members, "ALWAYS", 2_100_000)
    unpack(archive, folder)
    assert len(contents(folder)) == 4


def test_too_many_files_are_refused(tmp_path, folder, monkeypatch):
    archive = write_zip(tmp_path / "x.zip")
    monkeypatch.setattr(members, "MOST_FILES", len(FILES) - 1)
    with pytest.raises(SoundstageError, match="or 4 files, too much for its size"):
        unpack(archive, folder)


@pytest.mark.parametrize("method", ["deflated", "bzip2", "lzma"])
def test_a_bomb_that_lies_about_its_size_takes_neither_memory_nor_disk(tmp_path, folder, method):
    with (
        zipfile.ZipFile(tmp_path / "x.zip", "w", METHODS[method]) as archive,
        archive.open("a.wav", "w") as member,
    ):
        for _ in range(50):
            member.write(bytes(10**6))
    whole = bytearray((tmp_path / "x.zip").read_bytes())
    struct.pack_into("<L", whole, 22, 5)  # in the member's own header, and in the directory
    struct.pack_into("<L", whole, whole.index(b"PK\1\2") + 24, 5)
    (tmp_path / "bomb.zip").write_bytes(whole)
    tracemalloc.start()
    with pytest.raises(SoundstageError, match="damaged, or not all of it is there"):
        unpack(tmp_path / "bomb.zip", folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 10**6  # all at once, copies included, it is 130
    assert sum(path.stat().st_size for path in folder.parent.rglob("*")) < 2 * 10**6


def test_a_tar_header_that_asks_for_memory_is_refused(tmp_path, folder):
    info = tarfile.TarInfo("name")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2 * 10**9
    with gzip.open(tmp_path / "x.tar.gz", "wb", 1) as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(2):
            file.write(bytes(10**6))
    with pytest.raises(SoundstageError, match="neither a zip nor a tar"):
        unpack(tmp_path / "x.tar.gz", folder)


def test_a_sparse_file_counts_with_its_holes(tmp_path, folder, monkeypatch):
    (tmp_path / "hole.wav").touch()
    os.truncate(tmp_path / "hole.wav", 50_000_000)
    command = ["tar", "--sparse", "-cf", "x.tar", "hole.wav"]
    subprocess.run(command, cwd=tmp_path, check=True)
    monkeypatch.setattr(members, "ALWAYS", 10_000_000)
    with pytest.raises(SoundstageError, match="too much for its size"):
        unpack(tmp_path / "x.tar", folder)
    assert sum(path.stat().st_blocks for path in folder.parent.rglob("*") if path.is_file()) < 100


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


@pytest.mark.parametrize("content", [b"", b"no archive", bytes(2000), b"\xff" * 2000])
def test_what_is_no_archive_is_said(tmp_path, folder, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(SoundstageError, match=r"neither a zip nor a tar|holds no files"):
        unpack(tmp_path / "x", folder)
    with pytest.raises(SoundstageError, match=r"none: no such archive"):
        unpack(tmp_path / "none", folder)


def test_an_archive_without_files_is_said(tmp_path, folder):
    with pytest.raises(SoundstageError, match="holds no files"):
        unpack(write_zip(tmp_path / "x.zip", {}), folder)


@pytest.mark.parametrize(
    ("write", "mode"), [(write_zip, 8), (write_zip, 12), (write_tar, "w"), (write_tar, "w:gz")]
)
def test_damage_anywhere_is_said_or_does_no_harm(tmp_path, write, mode):
    whole = write(tmp_path / "x", FILES, mode).read_bytes()
    rng, told = random.Random(0), 0
    for i in range(40):
        torn = bytearray(whole)
        if i % 4 == 0:
            del torn[rng.randrange(len(whole)) :]
        for _ in range(rng.randrange(1, 4)):
            if torn:
                torn[rng.randrange(len(torn))] ^= 1 << rng.randrange(8)
        (tmp_path / "torn").write_bytes(torn)
        folder = tmp_path / f"{i}"
        try:
            unpack(tmp_path / "torn", folder)
        except SoundstageError:
            told += 1
            assert not folder.exists()
    assert told >= (10 if mode == "w" else 30)  # a plain tar has no checksum of its contents
