import os

import polars as pl
import pytest

from soundstage import listing
from soundstage.errors import SoundstageError


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "music"
    (root / "b").mkdir(parents=True)
    (root / "b" / "one.wav").write_bytes(b"one")
    (root / "a.wav").write_bytes(b"two")
    (root / ".hidden").write_bytes(b"three")
    return root


@pytest.fixture
def look(folder, tmp_path):
    return lambda: listing.list_files(folder, tmp_path / "memory.parquet")


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
    os.mkfifo(folder / "fifo.wav")
    reasons = dict(look().select("path", "reason").iter_rows())
    assert reasons == {
        "a.wav": None,
        "b/one.wav": None,
        "dangling.wav": "not_a_file",
        "fifo.wav": "not_a_file",
        "inside.wav": None,
        "link.wav": "outside",
    }


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


def test_summary_counts_what_changed(look, folder):
    old = look()
    assert listing.summary(None, old) == "2 files, 0.0 MB"
    assert listing.summary(old, old).endswith("none changed")
    (folder / "c.wav").write_bytes(b"c")
    (folder / "a.wav").unlink()
    assert listing.summary(old, look()).endswith("1 new or changed, 1 gone or changed")


def test_audio_keys_are_distinct():
    table = pl.DataFrame({"key": ["b", "a", None, "b"]})
    assert listing.audio_keys(table) == ["a", "b"]
