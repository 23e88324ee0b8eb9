import pytest

from soundstage.datasets import folder
from soundstage.errors import SoundstageError


def test_folders_name_genre_artist_and_album():
    table = folder.tracks(["rock/Who/Tommy/1.mp3", "rock/Who/2.mp3", "pop/3.mp3", "stray.mp3"], {})
    rows = table.select("track", "genre", "artist", "album", "song").rows()
    assert rows == [
        ("rock/Who/Tommy/1", "rock", "Who", "Who/Tommy", "Who/1"),
        ("rock/Who/2", "rock", "Who", None, "Who/2"),
        ("pop/3", "pop", None, None, None),
    ]
    assert table["splits"].null_count() == 3


def given(part):
    return [{"split": "given", "part": part}]


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [
        ("train", "valid", "test"),
        ("Train", "VALIDATION", "Testing"),
        ("train_set", "val-data", "testset"),
        ("TrainData", "dev", "eval"),
        ("training", "eval", "test_split"),
        ("1 train", "2 development", "3 test"),
    ],
)
def test_folders_that_are_parts_of_a_split_are_no_genres(train, valid, test):
    files = [
        f"{train}/rock/Who/Tommy/1.mp3", f"{train}/pop/1.mp3", f"{valid}/rock/Who/1.mp3",
        f"{test}/pop/1.mp3", f"{test}/stray.mp3",
    ]  # fmt: skip
    table = folder.tracks(files, {})
    assert table.select("genre", "artist", "album", "song", "splits").rows() == [
        ("rock", "Who", "Who/Tommy", "Who/1", given("train")),
        ("pop", None, None, None, given("train")),
        ("rock", "Who", None, "Who/1", given("valid")),
        ("pop", None, None, None, given("test")),
    ]
    assert table["path"].to_list() == files[:4]
    assert table["track"].n_unique() == 4


def test_parts_may_lie_within_the_genres():
    files = ["rock/train/Who/1.mp3", "rock/test/1.mp3", "pop/train/1.mp3"]
    table = folder.tracks(files, {})
    assert table.select("genre", "artist", "splits").rows() == [
        ("rock", "Who", given("train")),
        ("rock", None, given("test")),
        ("pop", None, given("train")),
    ]


def test_an_artist_may_be_called_like_a_part():
    table = folder.tracks(["rock/Train/1.mp3", "rock/Who/1.mp3", "pop/2.mp3"], {})
    assert table["artist"].to_list() == ["Train", "Who", None]
    assert table["splits"].null_count() == 3


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["train/rock/1.mp3", "test/rock/1.mp3", "rock/1.mp3", "jazz/x.mp3"],
         "the folders 'test', 'train' are parts of a split, but beside them hold audio too: "
         "'jazz', 'rock'"),
        (["rock/train/1.mp3", "rock/test/1.mp3", "pop/Who/x.mp3"],
         "the folders 'test', 'train' are parts of a split, but beside them hold audio too: "
         "'pop/Who'"),
    ],
)  # fmt: skip
def test_parts_beside_what_is_no_part_are_refused_before_the_audio_is_read(files, said, tmp_path):
    with pytest.raises(SoundstageError, match=said):
        folder.tracks(files, {})
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(SoundstageError, match=said):
        folder.fetch(tmp_path, tmp_path, {})


def test_a_part_beside_what_holds_no_audio_is_one(tmp_path):
    for file in ("train/rock/1.mp3", "docs/read.me", "__MACOSX/train/._1.mp3", "@eaDir/x/1.mp3"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    folder.fetch(tmp_path, tmp_path, {})


def test_one_name_with_two_endings_gives_two_tracks_named_in_full():
    files = ["pop/1.mp3", "pop/1.wav", "pop/2.mp3", "rock/1.mp3", "pop/3", "pop/3.mp3"]
    tracks = folder.tracks(files, {})["track"].to_list()
    assert tracks == ["pop/1.mp3", "pop/1.wav", "pop/2", "rock/1", "pop/3", "pop/3.mp3"]


def test_a_name_that_looks_like_another_tracks_is_told_apart():
    files = ["pop/1.mp3", "pop/1.mp3.flac", "pop/1.wav"]
    tracks = folder.tracks(files, {})["track"].to_list()
    assert tracks == files


def test_a_name_of_dots_is_a_name():
    files = ["pop/..mp3", "pop/...One More Time.wav"]
    assert folder.tracks(files, {})["track"].to_list() == ["pop/.", "pop/...One More Time"]


def test_folders_that_were_not_looked_into_are_no_tracks():
    table = folder.tracks(["pop/1.mp3", "rock/", "pop/Who.mp3/"], {})
    assert table["track"].to_list() == ["pop/1"]


def test_a_missing_folder_says_where_to_name_it(tmp_path):
    folder.fetch(tmp_path, tmp_path, {})
    with pytest.raises(SoundstageError, match=r"say `root: /path/to/music`"):
        folder.fetch(tmp_path / "none", tmp_path, {})
