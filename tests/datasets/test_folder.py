import pytest

from soundstage.datasets import folder
from soundstage.errors import SoundstageError


def test_folders_name_genre_artist_and_album():
    table = folder.tracks(["rock/Who/Tommy/1.mp3", "rock/Who/2.mp3", "pop/3.mp3", "stray.mp3"], {})
    rows = table.select("track", "genre", "artist", "album", "group", "song").rows()
    assert rows == [
        ("rock/Who/Tommy/1", "rock", "Who", "Who/Tommy", "Who", "Who/1"),
        ("rock/Who/2", "rock", "Who", None, "Who", "Who/2"),
        ("pop/3", "pop", None, None, "pop/3.mp3", "pop/3"),
    ]


def test_one_name_with_two_endings_gives_two_tracks_named_in_full():
    files = ["pop/1.mp3", "pop/1.wav", "pop/2.mp3", "rock/1.mp3", "pop/3", "pop/3.mp3"]
    tracks = folder.tracks(files, {})["track"].to_list()
    assert tracks == ["pop/1.mp3", "pop/1.wav", "pop/2", "rock/1", "pop/3", "pop/3.mp3"]


def test_a_name_that_looks_like_another_tracks_is_told_apart():
    files = ["pop/1.mp3", "pop/1.mp3.flac", "pop/1.wav"]
    tracks = folder.tracks(files, {})["track"].to_list()
    assert tracks == files


def test_folders_that_were_not_looked_into_are_no_tracks():
    table = folder.tracks(["pop/1.mp3", "rock/", "pop/Who.mp3/"], {})
    assert table["track"].to_list() == ["pop/1"]


def test_a_missing_folder_says_where_to_name_it(tmp_path):
    folder.fetch(tmp_path, tmp_path, {})
    with pytest.raises(SoundstageError, match=r"say `root: /path/to/music`"):
        folder.fetch(tmp_path / "none", tmp_path, {})
