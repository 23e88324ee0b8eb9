import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from soundstage import listing
from soundstage.errors import SoundstageError
from soundstage.files import whole_or_not_at_all


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "music"
    (root / "b").mkdir(parents=True)
    (root / "b" / "one.wav").write_bytes(b"one")
    (root / "a.wav").write_bytes(b"two")
    return root


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "memory.parquet"


@pytest.fixture
def look(folder, memory):
    return lambda: listing.list_files(folder, memory).files


@pytest.fixture
def listed(folder, memory):
    return lambda **also: listing.list_files(folder, memory, **also)


def test_regular_files_in_order_with_their_hashes(look):
    table = look()
    assert table["path"].to_list() == ["a.wav", "b/one.wav"]
    assert table["size"].to_list() == [3, 3]
    # printf one | sha256sum
    assert table["key"][1] == "7692c3ad3540bb803c020b3aee66cd88"
    assert table["reason"].null_count() == 2


def test_a_second_look_reads_nothing_that_has_not_changed(look, folder, monkeypatch):
    first = look()
    read = []
    hash_of = listing.content_hash
    monkeypatch.setattr(
        listing, "content_hash", lambda path: read.append(path.name) or hash_of(path)
    )
    assert look().equals(first)
    assert read == []
    (folder / "a.wav").write_bytes(b"other")
    assert look()["key"][0] != first["key"][0]
    assert read == ["a.wav"]


def test_what_is_no_file_of_the_folder_is_listed_with_a_reason(look, folder, tmp_path):
    (tmp_path / "outside.wav").write_bytes(b"secret")
    (folder / "link.wav").symlink_to(tmp_path / "outside.wav")
    (folder / "inside.wav").symlink_to("a.wav")
    (folder / "dangling.wav").symlink_to("nothing.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    os.mkfifo(folder / "fifo.wav")
    reasons = dict(look().select("path", "reason").iter_rows())
    assert reasons == {
        "a.wav": None,
        "b/one.wav": None,
        "dangling.wav": "not_a_file",
        "fifo.wav": "not_a_file",
        "inside.wav": None,
        "link.wav": "outside",
        "loop.wav": "not_a_file",
    }


def test_folders_that_are_not_looked_into_are_listed_with_a_reason(
    look, folder, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.wav").write_bytes(b"secret")
    (folder / "b" / "away").symlink_to(tmp_path / "elsewhere")
    (folder / "twin").symlink_to("b")
    (folder / "loop").symlink_to(".")
    (folder / "locked").mkdir()
    (folder / "locked" / "two.wav").write_bytes(b"two")
    scan = os.scandir

    def scandir(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)  # root may read what is locked
    table = look()
    assert dict(table.select("path", "reason").iter_rows()) == {
        "a.wav": None,
        "b/away/": "outside",
        "b/one.wav": None,
        "locked/": "unreadable",
        "loop/": "linked_folder",
        "twin/": "linked_folder",
    }
    assert table.filter(pl.col("reason").is_not_null())["key"].null_count() == 4


def test_names_that_begin_with_a_dot_are_names(look, folder):
    for name in ("rock/...And Oceans/a.mp3", "rock/.38 Special/b.mp3", "rock/...One More Time.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    assert look()["path"].to_list() == [
        "a.wav", "b/one.wav",
        "rock/...And Oceans/a.mp3", "rock/...One More Time.wav", "rock/.38 Special/b.mp3",
    ]  # fmt: skip
    assert listing.left_out(folder) == []


@pytest.mark.parametrize(
    "name",
    [
        "._one.wav", "b/.DS_Store/x.wav", ".git/x/y.flac", "__MACOSX/x.wav", ".Trash-1000/x.wav",
        ".Trashes/x.wav", ".Spotlight-V100/x.wav", ".fseventsd/x.wav", "b/.AppleDouble/x.WAV",
        "b/@eaDir/x.wav", "$RECYCLE.BIN/x.wav", "$Recycle.Bin/x.wav", ".dvc/x.wav", ".svn/x.wav",
        "System Volume Information/x.wav", ".hg/x.wav", ".ipynb_checkpoints/x.wav", ".venv/x.wav",
        ".soundstage/x.wav", ".archives/x.wav", ".mp3.0f3a9c21.part/x.wav", "lost+found/x.wav",
    ],
)  # fmt: skip
def test_audio_that_systems_and_tools_make_is_left_out_and_counted(look, folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"audio")
    (folder / name).with_suffix(".txt").write_bytes(b"none")
    assert [path for path in look()["path"] if path.endswith("wav")] == ["a.wav", "b/one.wav"]
    assert listing.left_out(folder) == [name]


def test_temporary_files_of_this_project_are_no_files_of_the_data_set(look, folder):
    with whole_or_not_at_all(folder / "b" / "c.wav") as temporary:
        temporary.write_bytes(b"half")
        (folder / ".unpacked").touch()
        (folder / ".mp3.lock").touch()
        assert look()["path"].to_list() == ["a.wav", "b/one.wav"]


def test_a_link_to_a_folder_that_is_left_out_leads_nowhere(look, folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.wav").touch()
    (folder / ".git").symlink_to(tmp_path / "elsewhere")
    assert look()["path"].to_list() == ["a.wav", "b/one.wav"]
    assert listing.left_out(folder) == []


@pytest.mark.parametrize("odd", ["caf\u00e9.wav", "b\u00fcro/one.wav"])
def test_a_locale_that_is_not_utf8_is_told_from_a_name_that_is_not(folder, odd):
    def names_are_checked():
        code = "import sys; from pathlib import Path; from soundstage import listing; "
        code += "listing.check_names(Path(sys.argv[1]))"
        plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", code, folder],
            env=os.environ | plain,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr

    assert names_are_checked() == ""
    (folder / odd).parent.mkdir(exist_ok=True)
    (folder / odd).touch()
    said = names_are_checked()
    assert "names are read as ascii, and some of them are not ASCII; set LC_ALL=C.UTF-8" in said
    listing.check_names(folder)  # under this process' own locale, which is UTF-8


def test_a_folder_that_cannot_be_read_at_all_is_an_error(look, monkeypatch):
    def scandir(path):
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(SoundstageError, match=r"music: cannot be read: Input/output error"):
        look()


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OSError(5, "io"), OSError(116, "x")])
def test_a_file_that_cannot_be_read_is_listed_and_looked_at_again(look, monkeypatch, error):
    hash_of = listing.content_hash

    def content_hash(path):
        if path.name == "a.wav":
            raise error
        return hash_of(path)

    with monkeypatch.context() as patch:
        patch.setattr(listing, "content_hash", content_hash)
        assert look().row(0) == ("a.wav", 3, None, "unreadable")
    assert look()["reason"].null_count() == 2


def test_a_file_that_vanishes_while_it_is_listed_is_no_crash(look, folder, monkeypatch):
    walk = listing._walk

    def walk_and_remove(root):
        found = list(walk(root))
        (folder / "a.wav").unlink()
        return found

    monkeypatch.setattr(listing, "_walk", walk_and_remove)
    assert look()["reason"].to_list() == ["not_a_file", None]


def test_a_folder_under_a_name_of_audio_is_listed_and_looked_into(look, folder):
    (folder / "x.mp3").mkdir()
    (folder / "x.mp3" / "in.wav").write_bytes(b"in")
    (folder / "b" / "empty.flac").mkdir()
    found = dict(look().select("path", "reason").iter_rows())
    assert found["x.mp3/"] == found["b/empty.flac/"] == "folder"
    assert found["x.mp3/in.wav"] is None
    assert len(found) == 5


def test_a_file_that_claims_more_than_disks_hold_is_not_read(look, folder):
    with (folder / "endless.wav").open("wb") as file:
        try:
            file.truncate(2**40)  # a hole
        except OSError:
            pytest.skip("no such large files here")
    assert dict(look().select("path", "reason").iter_rows())["endless.wav"] == "huge_file"


def test_a_path_too_long_for_the_system_is_unreadable(look, folder):
    at = os.open(folder, os.O_RDONLY)
    for _ in range(25):  # beyond the 4096 bytes of a path
        os.mkdir("d" * 200, dir_fd=at)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("a.wav", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    reasons = look()["reason"].to_list()
    assert reasons[:2] == [None, None]
    assert reasons[2:] == ["unreadable"]


def test_names_that_are_not_utf8_are_listed_escaped_and_not_read(look, folder):
    with open(os.fsencode(folder) + b"/caf\xe9.wav", "wb") as file:  # noqa: PTH123
        file.write(b"latin")
    os.mkdir(os.fsencode(folder) + b"/b\xfcro")  # noqa: PTH102
    with open(os.fsencode(folder) + b"/b\xfcro/one.wav", "wb") as file:  # noqa: PTH123
        file.write(b"one")
    table = look()
    assert table.rows()[2:] == [
        ("b\\xfcro/one.wav", 3, None, "not_utf8"),
        ("caf\\xe9.wav", 5, None, "not_utf8"),
    ]
    assert look().equals(table)


def test_the_folder_is_not_written_to(look, folder):
    before = sorted(str(p) for p in folder.rglob("*"))
    look()
    assert sorted(str(p) for p in folder.rglob("*")) == before


def test_nothing_is_an_error(tmp_path):
    with pytest.raises(SoundstageError, match="no such folder"):
        listing.list_files(tmp_path / "none", tmp_path / "memory")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SoundstageError, match="holds no files"):
        listing.list_files(tmp_path / "empty", tmp_path / "memory")


def test_summary_counts_what_changed_since_the_hashes_were_remembered(look, folder, memory):
    assert listing.remembered(memory) is None
    first = look()
    assert listing.summary(None, first) == "2 files, 0.0 MB"
    before = listing.remembered(memory)
    assert listing.summary(before, look()) == "2 files, 0.0 MB, none changed"
    (folder / "c.wav").write_bytes(b"c")
    (folder / "d.wav").write_bytes(b"d")
    (folder / "b" / "one.wav").write_bytes(b"other")
    (folder / "a.wav").unlink()
    assert listing.summary(before, look()) == "3 files, 0.0 MB; 2 new, 1 changed, 1 gone"


def test_what_never_could_be_read_is_no_change(look, folder, memory):
    os.mkfifo(folder / "fifo.wav")
    look()
    assert listing.summary(listing.remembered(memory), look()).endswith("none changed")


def test_audio_is_told_by_the_ending_of_the_name(listed, folder):
    (folder / "b" / "LOUD.FLAC").write_bytes(b"flac")
    (folder / "b" / "twin").symlink_to("../b")
    os.mkfifo(folder / "b" / "fifo.wav")
    for name in ("cover.jpg", "two.jpg", "one.lrc", "Thumbs.db", "README", "x.wav.part"):
        (folder / "b" / name).write_bytes(b"none")
    found = listed()
    assert found.files["path"].to_list() == [
        "a.wav", "b/LOUD.FLAC", "b/fifo.wav", "b/one.wav", "b/twin/"
    ]  # fmt: skip
    said = "2 .jpg, 1 without an ending, 1 .db, 1 .lrc, 1 .part"
    assert listing.ignored(found) == f"ignored 6 files: {said}"
    assert listing.ignored(found._replace(others=Counter())) == ""


def test_what_is_no_audio_is_not_read(listed, folder, monkeypatch):
    for name in ("film.mkv.torrent", "cover.jpg", "notes.txt"):
        (folder / name).write_bytes(b"none")
    read = []
    monkeypatch.setattr(listing, "content_hash", lambda path: read.append(path.name) or "0" * 32)
    assert len(listed().files) == 2
    assert sorted(read) == ["a.wav", "one.wav"]


def test_a_name_without_an_ending_is_told_by_its_first_bytes(listed, folder):
    soundfile.write(folder / "04 Mr. Brightside", np.zeros(100), 8000, format="FLAC")
    (folder / "05 Tagged").write_bytes(b"ID3\4\0\0\0\0\0\0" + b"\xff\xfb" * 20)
    (folder / "06 Dr. Notes").write_bytes(b"some words")
    (folder / "void").touch()
    os.mkfifo(folder / "pipe")
    found = listed()
    assert found.files["path"].to_list() == [
        "04 Mr. Brightside", "05 Tagged", "a.wav", "b/one.wav"
    ]  # fmt: skip
    assert found.others == {"": 3}


def test_files_beside_the_audio_are_listed_where_a_data_set_reads_them(listed, folder):
    (folder / "a.wav.xml").write_bytes(b"<x/>")
    (folder / "tags.csv").write_bytes(b"a,b")
    found = listed(also=[".xml"], but=["tags.csv"])
    assert found.files["path"].to_list() == ["a.wav", "a.wav.xml", "b/one.wav"]
    assert not found.others


def test_other_files_take_no_memory(listed, monkeypatch):
    walk = listing._walk

    def walk_further(root):
        yield from walk(root)
        yield from ((f"x/{i:06}.jpg", None) for i in range(20_000))

    monkeypatch.setattr(listing, "_walk", walk_further)
    listed(), listed()  # load what is loaded at the first calls
    tracemalloc.start()
    found = listed()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.others == {".jpg": 20_000}
    assert peak < 20_000 * 16  # bytes


def test_a_folder_without_audio_is_an_error(listed, folder):
    (folder / "a.wav").rename(folder / "a.txt")
    (folder / "b" / "one.wav").rename(folder / "b" / "one.pdf")
    with pytest.raises(SoundstageError, match=r"no audio files, only 1 \.pdf, 1 \.txt; .*\.flac"):
        listing.ignored(listed())


def test_endings_are_shown_without_moving_the_terminal(listed, folder):
    (folder / "a.\x1b[31mred").touch()
    assert listing.ignored(listed()) == "ignored 1 files: 1 .\\x1b[31mred"


def test_audio_keys_are_distinct():
    table = pl.DataFrame({"key": ["b", "a", None, "b"]})
    assert listing.audio_keys(table) == ["a", "b"]
