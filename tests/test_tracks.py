import polars as pl
import pytest

from soundstage import labels, tracks
from soundstage.datasets import folder
from soundstage.errors import SoundstageError
from soundstage.params import Labels

LISTING = pl.DataFrame(
    {
        "path": ["rock/a/x.mp3", "rock/a/y.mp3", "pop/z.mp3", "notes.txt"],
        "key": ["1", None, "3", "4"],
        "reason": [None, "unreadable", None, None],
    },
    schema_overrides={"reason": pl.String},
)

LABELS = Labels()


def settled(rows, labels=LABELS, **columns):
    """Settle rows of path, genre, artist, album and song."""
    names = ("path", "genre", "artist", "album", "song")
    table = pl.DataFrame(rows, dict.fromkeys(names, pl.String), orient="row")
    return tracks.settle(table.with_columns(track="path", **columns), labels)


def said(found, *codes):
    return [finding for finding in found if finding.code in codes]


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


def test_files_without_a_track_and_tracks_without_a_file_are_said(metadata):
    gone = metadata[:1].with_columns(track=pl.lit("gone"), path=pl.lit("rock/gone.mp3"))
    _, found = tracks.indexed(pl.concat([metadata, gone]), LISTING, LABELS)
    assert said(found, "missing", "unnamed") == [
        ("rock/gone.mp3", "missing", ""), ("notes.txt", "unnamed", "")
    ]  # fmt: skip


def test_wrong_metadata_is_an_error(metadata):
    with pytest.raises(SoundstageError, match="no tracks"):
        tracks.join(metadata[:0], LISTING)
    with pytest.raises(SoundstageError, match=r"occur twice: \['rock/a/x'\]"):
        tracks.join(pl.concat([metadata, metadata[:1]]), LISTING)
    with pytest.raises(SoundstageError, match="rock/a/x: needs a genre or tags"):
        tracks.join(metadata.with_columns(genre=pl.lit(None, pl.String)), LISTING)


def test_no_table_says_what_to_do(tmp_path):
    with pytest.raises(SoundstageError, match="run `dvc repro`"):
        tracks.read(tmp_path / "tracks.parquet")


@pytest.mark.parametrize(
    "name",
    ["Various Artists", "various artists ", "VARIOUS", "V.A.", "n/a", "\u200bUnknown Artist"],
)
def test_a_placeholder_ties_no_clips_of_different_albums(name):
    rows = [
        ("a.mp3", "rock", name, f"{name}/Now 42", f"{name}/01"),
        ("b.mp3", "pop", name, f"{name}/Now 42", f"{name}/02"),
        ("c.mp3", "pop", name, f"{name}/Now 43", f"{name}/01"),
        ("d.mp3", "pop", name, None, f"{name}/01"),
        ("e.mp3", "pop", name, f"{name}/Unknown Album", f"{name}/01"),
        ("f.mp3", "jazz", name, f"{name}/Unknown Album", f"{name}/01"),
    ]
    table, found = settled(rows)
    now = f"{labels.clean(name)}/Now 42"
    assert table["group"].to_list() == [now, now, now[:-1] + "3", "d.mp3", "e.mp3", "f.mp3"]
    assert table["artist"].null_count() == table["song"].null_count() == 6
    assert said(found, "placeholder") == [
        (labels.clean(name), "placeholder", "artist of 6 clips"),
        ("Unknown Album", "placeholder", "album of 2 clips"),
    ]


def test_placeholders_of_tables_and_the_names_beside_them():
    rows = [
        ("a.mp3", "rock", "Who", "Unknown", "Untitled"),
        ("b.mp3", "rock", "Various", "Unknown", "Untitled"),
        ("c.mp3", "rock", None, None, "Sparks"),
    ]
    table, found = settled(rows)
    assert table["group"].to_list() == ["Who", "b.mp3", "Sparks"]
    assert {(f.subject, f.detail) for f in said(found, "placeholder")} == {
        ("Unknown", "album of 2 clips"), ("Untitled", "song of 2 clips"),
        ("Various", "artist of 1 clip"),
    }  # fmt: skip
    table, found = settled(rows, Labels(placeholders=["untitled"]))
    assert table["artist"].to_list() == ["Who", "Various", None]
    assert [f.subject for f in said(found, "placeholder")] == ["Untitled"]


def test_groups_that_a_data_set_states_stay():
    rows = [("a.mp3", "rock", "Various", None, None), ("b.mp3", "rock", "Various", None, None)]
    table, _ = settled(rows, group=pl.Series(["Various ", "\u0041\u030a"]))
    assert table["group"].to_list() == ["Various ", "\u0041\u030a"]


def test_names_are_cleaned_but_not_paths():
    rows = [
        ("a\u0301 .mp3", " ro\u0301ck", "Who\u200b", "Who\u200b/ Tommy", "Who\u200b/1 "),
        ("b.mp3", "r\u00f3ck\u00a0", "Who", "Who/Tommy", "Who/1"),
    ]
    table, _ = settled(rows, tags=pl.Series([["lo\u0301ud ", "l\u00f3ud"], ["\ufeff"]]))
    assert table.select("genre", "artist", "album", "song").unique().rows() == [
        ("r\u00f3ck", "Who", "Who/Tommy", "Who/1")
    ]
    assert table["tags"].to_list() == [["l\u00f3ud"], []]
    assert table["path"].to_list() == table["track"].to_list() == ["a\u0301 .mp3", "b.mp3"]


def test_labels_of_two_cases_are_two_and_said_or_one():
    rows = [(f"{i}.mp3", genre, *3 * [None]) for i, genre in enumerate(["Rock", "rock", "rock"])]
    tags = pl.Series([["Loud", "loud"], ["Loud"], ["slow"]])
    table, found = settled(rows, tags=tags)
    assert table["genre"].to_list() == ["Rock", "rock", "rock"]
    assert said(found, "case_twins") == [
        ("Rock, rock", "case_twins", "1 and 2 clips"), ("Loud, loud", "case_twins", "2 and 1 clips")
    ]  # fmt: skip
    table, found = settled(rows, Labels(one_case=True), tags=tags)
    assert table["genre"].to_list() == ["rock", "rock", "rock"]
    assert table["tags"].to_list() == [["Loud"], ["Loud"], ["slow"]]
    assert said(found, "case_twins") == []


def test_what_some_tracks_lack_is_counted():
    rows = [
        ("a.mp3", "rock", "Who", None, None),
        ("b.mp3", None, None, None, "x"),
        ("c.mp3", "pop", " ", None, "y"),
    ]
    given, other = ([{"split": name, "part": "train"}] for name in ("given", "official"))
    _, found = settled(
        rows, tags=pl.Series([["x"], [], ["y"]]), splits=pl.Series([given, other, None])
    )
    assert {(f.subject, f.detail) for f in said(found, "missing_value")} == {
        ("genre", "1 of 3 tracks have none"), ("artist", "2 of 3 tracks have none"),
        ("song", "1 of 3 tracks have none"), ("tags", "1 of 3 tracks have none"),
        ("split", "2 of 3 tracks have none"),
    }  # fmt: skip


def test_layouts_that_leave_nothing_to_tell_or_to_split_are_said():
    codes = ("one_genre", "one_artist", "no_groups")
    _, found = settled([(f"x/{i}/a.mp3", "Data", "wav", None, None) for i in range(3)])
    assert said(found, *codes) == [
        ("Data", "one_genre", "3 clips in 3 folders"), ("wav", "one_artist", "3 clips in 3 folders")
    ]  # fmt: skip
    _, found = settled(
        [("x/a.mp3", "rock", None, None, None), ("x/b.mp3", "pop", None, None, None)]
    )
    assert said(found, *codes) == [("group", "no_groups", "2 clips")]
    _, found = settled([("a.mp3", "rock", "Who", None, None), ("b.mp3", "pop", "ABBA", None, None)])
    assert said(found, *codes) == []


def test_names_of_a_data_set_that_states_its_groups_stay_and_a_compilation_is_still_said():
    rows = [(f"{i}.mp3", "rock", "Various Artists", "Hits", None) for i in range(2)]
    table, found = settled(rows, group=pl.lit("7"))
    assert table.select("artist", "album", "group").unique().rows() == [
        ("Various Artists", "Hits", "7")
    ]
    assert said(found, "placeholder") == [("Various Artists", "placeholder", "artist of 2 clips")]
