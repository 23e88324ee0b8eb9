import hashlib
import time

import numpy as np
import polars as pl
import pytest
import soundfile
from server import serving

from soundstage.datasets import _gtzan, gtzan
from soundstage.errors import SoundstageError

LAYOUTS = {"flat": "", "original": "genres", "kaggle": "Data/genres_original"}


@pytest.fixture(params=LAYOUTS)
def replica(request, tmp_path):
    """Two songs a genre in one of the layouts, with lists of a small split."""
    folder = tmp_path / LAYOUTS[request.param]
    ending = "au" if request.param == "original" else "wav"
    for genre in _gtzan.GENRES:
        (folder / genre).mkdir(parents=True)
        for i in range(2):
            soundfile.write(folder / genre / f"{genre}.{i:05}.{ending}", np.zeros(100), 22050)
    for part, number in {"train": 0, "valid": 1, "test": 1}.items():
        genres = _gtzan.GENRES[5:] if part == "test" else _gtzan.GENRES[:5]
        lines = [f"{genre}/{genre}.{number:05}.wav" for genre in genres]
        (tmp_path / f"{part}_filtered.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def files(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*.[aw]*") if p.is_file())


def lists(root):
    return {name: root / name for name in gtzan.METADATA if (root / name).is_file()}


def test_every_layout_gives_the_same_songs_and_splits(replica, tmp_path):
    gtzan.fetch(replica, tmp_path / "own", lists(replica))
    table = gtzan.tracks(files(replica), lists(replica))
    assert len(table) == 20
    row = table.row(by_predicate=pl.col("track") == "jazz.00001", named=True)
    assert (row["genre"], row["song"], row["group"]) == ("jazz", "jazz.00001", "jazz.00001")
    assert row["path"].endswith(("jazz/jazz.00001.wav", "jazz/jazz.00001.au"))
    assert row["splits"] == [
        {"split": "fault_filtered", "part": "test"},
        {"split": "fault_filtered_holdout", "part": "valid"},
        {"split": "fault_filtered_holdout", "part": "test"},
    ]
    assert table.row(by_predicate=pl.col("track") == "jazz.00000", named=True)["splits"] is None


def test_lists_that_are_not_the_published_ones_are_said(replica, monkeypatch, capsys):
    for part in ("train", "test"):
        file = replica / f"{part}_filtered.txt"
        content = "".join(f"{line}\n" for line in sorted(file.read_text().split()))
        digest = hashlib.sha256(content.encode()).hexdigest()
        monkeypatch.setitem(_gtzan._SHA256, file.name, digest)
        file.write_bytes(content.rstrip().replace("\n", "\r\n").replace(".wav", ".au").encode())
    gtzan.tracks(files(replica), lists(replica))
    said = capsys.readouterr().out
    file = replica / "valid_filtered.txt"
    assert said.startswith(f"warning: {file}: not the published songs, so ")
    assert said.count("\n") == 1
    (replica / "test_filtered.txt").unlink()  # without it there is no such split
    gtzan.tracks(files(replica), lists(replica))
    assert not capsys.readouterr().out


@pytest.mark.parametrize("kind", ["filtered", "stratified"])
def test_a_song_may_not_be_in_two_parts_of_a_split(replica, kind):
    for i, part in enumerate(("train", "valid", "test")):
        (replica / f"{part}_{kind}.txt").write_text(f"pop/pop.{i:05}.wav\n" * 2)
    gtzan.tracks(files(replica), lists(replica))
    (replica / f"test_{kind}.txt").write_text("rock/rock.00000.wav\npop/pop.00001.wav\n")
    message = rf"test_{kind}\.txt: pop\.00001 is in \S*valid_{kind}\.txt too, .* get both lists"
    with pytest.raises(SoundstageError, match=message):
        gtzan.tracks(files(replica), lists(replica))


def test_a_list_that_is_no_text_is_named(replica):
    (replica / "train_filtered.txt").write_bytes("été/blues.00000.wav".encode("latin-1"))
    with pytest.raises(SoundstageError, match=r"train_filtered\.txt: is no list of songs, get"):
        gtzan.tracks(files(replica), lists(replica))


def test_a_song_that_is_there_twice_and_files_of_other_names():
    names = ["a/jazz/jazz.00001.au", "b/jazz/jazz.00001.wav", "jazz/jazz.1.wav", "x/jazz.00002.wav"]
    table = gtzan.tracks([*names, "rock/rock.00003.wav", "pop/rock.00004.wav"], {})
    assert table.select("track", "path").rows() == [
        ("jazz.00001", "a/jazz/jazz.00001.au"),
        ("rock.00003", "rock/rock.00003.wav"),
    ]
    assert table["splits"].null_count() == 2


def test_no_audio_says_what_to_put_where(tmp_path):
    with pytest.raises(SoundstageError, match=r"holds no GTZAN.*Say `root:`.*24347e02"):
        gtzan.fetch(tmp_path, tmp_path, {})


def test_the_stratified_split_is_there_where_its_lists_are(replica):
    for part, i in {"train": 0, "valid": 0, "test": 1}.items():
        genres = _gtzan.GENRES[:5] if part == "train" else _gtzan.GENRES[5:]
        lines = [f"{genre}/{genre}.{i:05}.wav" for genre in genres]
        (replica / f"{part}_stratified.txt").write_text("\n".join(lines))
        table = gtzan.tracks(files(replica), lists(replica))
        both = {row["split"] for row in table["splits"].explode().drop_nulls()}
        complete = {"stratified"} if part == "test" else set()
        assert both == {"fault_filtered", "fault_filtered_holdout"} | complete
    assert both == set(gtzan.SPLITS)
    parts = dict(table.select("track", "splits").iter_rows())
    assert {"split": "stratified", "part": "test"} in parts["jazz.00001"]
    assert {"split": "fault_filtered", "part": "test"} in parts["jazz.00001"]
    assert parts["jazz.00000"] == [{"split": "stratified", "part": "valid"}]


def test_without_a_network_only_the_split_is_missing_and_nothing_waits(
    tmp_path, monkeypatch, capsys
):
    with serving() as gone:
        monkeypatch.setattr(_gtzan, "_ADDRESS", gone.url(""))
    monkeypatch.setattr(time, "sleep", None)
    monkeypatch.setenv("NO_PROXY", "*")
    own = tmp_path / "own"
    _gtzan.fetch_lists(own, {})
    said = capsys.readouterr().out
    assert "warning: the split 'fault_filtered' cannot be chosen in this run: train_filt" in said
    assert "Connection refused); put train_filtered.txt with sha256 2b04966c" in said
    assert f"at {own / 'train_filtered.txt'}, or set" in said
    assert said.count("\n") == 1


def test_lists_that_are_there_are_not_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(_gtzan, "download", lambda url, *_, **__: asked.append(url))
    _gtzan.fetch_lists(tmp_path, {"valid_filtered.txt": tmp_path / "mine" / "valid_filtered.txt"})
    assert [url.rpartition("/")[2] for url in asked] == ["train_filtered.txt", "test_filtered.txt"]
