import polars as pl
import pytest

from soundstage import tracks
from soundstage.datasets import folder
from soundstage.errors import SoundstageError

LISTING = pl.DataFrame(
    {
        "path": ["rock/a/x.mp3", "rock/a/y.mp3", "pop/z.mp3", "notes.txt"],
        "key": ["1", None, "3", "4"],
        "reason": [None, "unreadable", None, None],
    },
    schema_overrides={"reason": pl.String},
)


@pytest.fixture
def metadata():
    return folder.tracks(LISTING["path"].to_list(), {})


def test_every_track_gets_its_files_hash_or_a_reason(metadata):
    gone = metadata[:1].with_columns(track=pl.lit("gone"), path=pl.lit("rock/gone.mp3"))
    table = tracks.join(pl.concat([metadata, gone]), LISTING)
    assert table.schema == pl.Schema(tracks.SCHEMA)
    found = {row["track"]: (row["key"], row["reason"]) for row in table.iter_rows(named=True)}
    assert found == {
        "gone": (None, "missing"),
        "pop/z": ("3", None),
        "rock/a/x": ("1", None),
        "rock/a/y": (None, "unreadable"),
    }


def test_files_of_the_same_bytes_are_one_group_where_none_is_known_of_one():
    paths = ["pop/a.mp3", "pop/b.mp3", "rock/Who/c.mp3", "rock/d.mp3", "rock/e.mp3"]
    keys = ["1", "1", "2", "2", "3"]
    listing = pl.DataFrame({"path": paths, "key": keys, "reason": 5 * [None]})
    found = tracks.join(folder.tracks(paths, {}), listing)
    assert found["group"].to_list() == ["pop/a.mp3", "pop/a.mp3", "Who", "Who", "rock/e.mp3"]


def test_files_that_no_track_names(metadata):
    assert tracks.unlabelled(metadata, LISTING) == ["notes.txt"]


def test_wrong_metadata_is_an_error(metadata):
    with pytest.raises(SoundstageError, match="no tracks"):
        tracks.join(metadata[:0], LISTING)
    with pytest.raises(SoundstageError, match=r"occur twice: \['rock/a/x'\]"):
        tracks.join(pl.concat([metadata, metadata[:1]]), LISTING)
    with pytest.raises(SoundstageError, match="rock/a/x: needs a group"):
        tracks.join(metadata.with_columns(genre=pl.lit(None, pl.String)), LISTING)


def test_no_table_says_what_to_do(tmp_path):
    with pytest.raises(SoundstageError, match="run `dvc repro`"):
        tracks.read(tmp_path / "tracks.parquet")
