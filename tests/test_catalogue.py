"""Where a data set's metadata is looked for, what is done with an archive, and what is printed."""

import json
import os
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hostile import NAMES
from replicas import Clip, magnatagatune

from soundstage import catalogue, paths
from soundstage.datasets import magnatagatune as module
from soundstage.params import Component, Labels


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(os, "sync", lambda: None)
    return folder


@pytest.fixture
def theirs(tmp_path):
    """A user's folder that holds MagnaTagATune's two tables beside the archive of its clips."""
    folder = tmp_path / "theirs"
    clips = [
        Clip(2, "0", "A", ["guitar"]),
        Clip(6, "c", "B", ["harp"]),
        Clip(9, "f", "C", ["harp"]),
    ]
    magnatagatune(folder, clips, ("harp", "guitar"))
    with zipfile.ZipFile(folder / "mp3.zip.001", "w") as file:
        for clip in clips:
            file.writestr(clip.path, clip.artist)
    return folder


def test_tables_beside_an_archive_are_those_of_a_folder(theirs, monkeypatch):
    monkeypatch.setattr(module, "download", None)
    used = Component("mine", "magnatagatune", str(theirs / "mp3.zip.001"), {"tags": "top50"})
    before = sorted(theirs.rglob("*"))
    catalogue.fetch(used)
    catalogue.index(used, Labels())
    assert catalogue.metadata(used) == {name: theirs / name for name in module.METADATA}
    table = pl.read_parquet(paths.TRACKS)
    assert table["artist"].to_list() == ["A", "B", "C"]
    assert table["key"].null_count() == 0
    assert sorted(theirs.rglob("*")) == before


def test_metadata_is_the_users_own_before_what_was_downloaded(theirs):
    used = Component("mine", "magnatagatune", str(theirs / "mp3.zip.001"), {"tags": "top50"})
    own = catalogue.own(used)
    for folder in (own, catalogue.root(used)):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / module.CLIPS).touch()
    assert catalogue.metadata(used)[module.CLIPS] == catalogue.root(used) / module.CLIPS
    (catalogue.root(used) / module.CLIPS).unlink()
    assert catalogue.metadata(used)[module.CLIPS] == theirs / module.CLIPS
    (theirs / module.CLIPS).unlink()
    assert catalogue.metadata(used)[module.CLIPS] == own / module.CLIPS
    (own / module.CLIPS).unlink()
    assert catalogue.metadata(used) == {module.ANNOTATIONS: theirs / module.ANNOTATIONS}


def test_of_files_without_a_track_and_tracks_without_a_file_some_are_shown(tmp_path, capsys):
    folder = tmp_path / "theirs"
    clips = [Clip(i, "0", "A", ["harp"], file=f"0/\x1b[3{i}mred.mp3") for i in range(1, 6)]
    magnatagatune(folder, clips, ("harp",))
    (folder / "0").mkdir(exist_ok=True)
    (folder / clips[0].path).write_bytes(b"music")
    for name in NAMES:
        (folder / "0" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "0" / name).write_bytes(b"music")
    used = Component("mine", "magnatagatune", str(folder), {"tags": "top50"})
    catalogue.fetch(used)
    capsys.readouterr()
    catalogue.index(used, Labels())
    _, understood, missing, _, unnamed = capsys.readouterr().out.splitlines()
    assert understood.startswith("mine: 5 tracks, 1 tag, 1 artist, 1 album; split ")
    assert missing.startswith(
        "warning: missing (4): is a track without a file: 0/\\x1b[32mred.mp3,"
    )
    assert missing.count("\\x1b[3") == 3
    assert unnamed.startswith(f"warning: unnamed ({len(NAMES)}): is decoded, but no track names it")
    assert "0/\\x1b[31mred.wav, " in unnamed
    assert unnamed.count(".wav") == 3
    assert (missing + unnamed).isprintable()


@pytest.mark.parametrize("artist", ["", "artist"])
def test_that_no_group_is_known_is_said(tmp_path, capsys, artist):
    folder = tmp_path / "theirs"
    for name in ("rock/{}/a.wav", "jazz/{}/b.wav"):
        file = folder / name.format(artist)
        file.parent.mkdir(parents=True)
        file.write_bytes(name.encode())
    used = Component("mine", "folder", str(folder), {})
    catalogue.fetch(used)
    catalogue.index(used, Labels())
    assert ("warning: no_groups (1): " in capsys.readouterr().out) == (not artist)


def test_what_fetch_and_index_find_is_kept_counted_and_printed_once(tmp_path, capsys):
    folder = tmp_path / "theirs"
    names = ["Train/rock/Various/a.wav", "Train/Rock/Who/b.wav", "test/rock/Who/c.wav"]
    for name in [*names, "._a.wav", "@eaDir/x/b.wav"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    used = Component("mine", "folder", str(folder), {})
    catalogue.fetch(used)
    catalogue.index(used, Labels())
    of_fetch = pl.read_parquet(paths.WARNINGS / "fetch.parquet")
    assert of_fetch["subject"].to_list() == ["._a.wav", "@eaDir/x/b.wav"]
    assert of_fetch["code"].unique().to_list() == ["left_out"]
    of_index = pl.read_parquet(paths.WARNINGS / "index.parquet")
    assert of_index["code"].to_list() == ["case_twins", "placeholder"]
    assert json.loads((paths.INGEST / "tracks.json").read_text()) == {
        "dataset": "mine",
        "tracks": 3,
        "genres": 2,
        "warning": {"case_twins": 1, "left_out": 2, "placeholder": 1},
    }
    said = capsys.readouterr().out
    assert "mine: 3 tracks, 2 genres, 1 artist; split given: 2 train, 0 valid, 1 test\n" in said
    assert said.count("warning: ") == 3
    assert "left_out (2)" in said
    catalogue.index(used, Labels(placeholders=[], one_case=True))
    assert pl.read_parquet(paths.WARNINGS / "index.parquet")["code"].to_list() == ["one_genre"]
    assert pl.read_parquet(paths.TRACKS)["genre"].unique().to_list() == ["rock"]


def test_what_fetch_writes_is_the_same_for_the_same_folder(tmp_path):
    folder = tmp_path / "theirs"
    for name in ("rock/a.wav", "jazz/b.wav", "._a.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    used = Component("mine", "folder", str(folder), {})

    def written():
        catalogue.fetch(used)
        return {file: file.read_bytes() for file in Path("data").rglob("*") if file.is_file()}

    first = written()
    assert paths.WARNINGS / "fetch.parquet" in first
    assert written() == first
