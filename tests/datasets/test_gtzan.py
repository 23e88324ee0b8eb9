import numpy as np
import polars as pl
import pytest
import soundfile

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
    for part, name in _gtzan.LISTS.items():
        number = {"train": 0, "valid": 1, "test": 1}[part]
        genres = _gtzan.GENRES[5:] if part == "test" else _gtzan.GENRES[:5]
        lines = [f"{genre}/{genre}.{number:05}.wav" for genre in genres]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return tmp_path


def files(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*.[aw]*") if p.is_file())


def lists(root):
    return {name: root / name for name in gtzan.METADATA}


def test_every_layout_gives_the_same_songs_and_splits(replica, tmp_path):
    gtzan.fetch(replica, tmp_path / "own")
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
        gtzan.fetch(tmp_path, tmp_path)


def test_without_a_network_only_the_split_is_missing(tmp_path, monkeypatch, capsys):
    def refuse(_url, target, *, checksum):
        assert checksum.startswith("sha256:")
        raise SoundstageError(f"no address works; put the file at {target}")

    monkeypatch.setattr(_gtzan, "download", refuse)
    _gtzan.fetch_lists(tmp_path, tmp_path / "own")
    said = capsys.readouterr().out
    assert "the split 'fault_filtered' cannot be chosen: no address works" in said
    assert said.count("\n") == 1
