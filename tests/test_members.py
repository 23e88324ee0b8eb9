"""Archives that are hostile, damaged or none at all: a clear error, and nothing is left behind."""

import gzip
import os
import random
import stat
import struct
import subprocess
import tarfile
import tracemalloc
import zipfile

import pytest
from archives import FILES, METHODS, contents, write_tar, write_zip

from soundstage import members
from soundstage.errors import SoundstageError
from soundstage.unpack import unpack


@pytest.fixture(autouse=True)
def two_threads_and_no_wait_for_the_disk(monkeypatch):
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "2")
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "raw" / "set"


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
