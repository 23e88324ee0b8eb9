import polars as pl
import pytest

from soundstage import presence, splits
from soundstage.diagnostics import Finding
from soundstage.errors import SoundstageError
from soundstage.params import Split
from soundstage.tracks import SCHEMA


def rows(*clips):
    listed = [(f"{i}", group, part, labels) for i, (group, part, labels) in enumerate(clips)]
    return pl.DataFrame(listed, ["track", "group", "part", "labels"], orient="row")


def tracks(genres, artists, given=None):
    n = len(genres)
    table = {"track": [f"{i:03}" for i in range(n)], "genre": genres, "group": artists}
    parts = [[{"split": "given", "part": p}] if p else [] for p in given or [None] * n]
    table |= {"tags": [None] * n, "artist": artists, "splits": parts}
    return pl.DataFrame(
        table, schema_overrides={"tags": SCHEMA["tags"], "splits": SCHEMA["splits"]}
    )


def split(table, honest="group", **fields):
    shares = {"seed": 0, "valid": 0.15, "test": 0.25, "folds": None, "fold": 0}
    asked = Split(**{"name": "honest"} | shares | fields)
    name, dealt = splits.split(table, asked, honest=honest)
    return splits.Parts(name, asked, dealt)


def test_labels_that_a_part_lacks_and_labels_that_hardly_train_are_named():
    found = presence.lacking(
        rows(
            *[("a", "train", ["rock"])] * 3, ("b", "valid", ["rock"]), ("c", "test", ["rock"]),
            *[("d", "train", ["pop"])] * 2, ("e", "valid", ["pop"]), ("f", "test", ["pop"]),
            *[("g", "train", ["jazz", "rock"])] * 4,
        ),
        ["jazz", "pop", "rock", "waltz"],
    )  # fmt: skip
    assert found == [
        Finding("jazz", "missing_class", "not in valid and test; clips: 4, groups: 1"),
        Finding("pop", "rare_class", "2 in training"),
        Finding("waltz", "missing_class", "not in train and valid and test; clips: 0, groups: 0"),
    ]


def test_segments_dealt_one_by_one_are_in_all_parts():
    assert presence.lacking(rows(*[("a", splits.BY_SEGMENT, ["rock"])] * 3), ["rock"]) == []


def test_three_artists_a_genre_are_enough_for_every_part_with_any_seed():
    genres = [genre for genre in "abcd" for _ in range(9)]
    artists = [f"{genre}{i % 3}" for i, genre in enumerate(genres)]
    for seed in range(30):
        parts = split(tracks(genres, artists), seed=seed)
        assert not len(presence.findings(tracks(genres, artists), parts, "auto"))


def test_two_artists_a_genre_are_said_with_all_classes_named():
    """Four genres of two artists gave a test part of one genre, and an accuracy of 1."""
    genres = [genre for genre in ("blues", "jazz", "pop", "rock") for _ in range(10)]
    artists = [f"{genre} {i % 2}" for i, genre in enumerate(genres)]
    table = tracks(genres, artists)
    parts = split(table)
    found = presence.findings(table, parts, "auto")
    assert found["subject"].to_list() == ["blues", "jazz", "pop", "rock"]
    assert set(found["code"]) == {"missing_class"}
    dealt = table.join(parts.table, on="track")
    assert set(dealt.filter(part="train")["genre"]) == set(genres)
    assert dealt.filter(part="test")["genre"].n_unique() == 3
    assert dealt.filter(part="valid")["genre"].n_unique() == 1
    with pytest.raises(SoundstageError, match=r"missing_class \(4\): .*blues \(not in"):
        presence.check(found, parts.split.model_copy(update={"missing_class": "refuse"}))
    presence.check(found, parts.split)
    assert presence.lines(parts, found)[0] == "split group: train 20, valid 5, test 15 tracks"


def test_what_a_given_split_leaves_out_is_dealt_from_its_training_part_by_group_and_said():
    genres = ["a", "b"] * 40
    artists = [f"{i % 20}" for i in range(80)]
    given = ["train" if i % 20 < 16 else "test" for i in range(80)]
    table = tracks(genres, artists, given)
    parts = split(table, honest="group")
    assert parts.name == "given"
    dealt = table.join(parts.table, on="track")
    assert dealt.filter(part="test")["track"].to_list() == [
        track for track, part in zip(table["track"], given, strict=True) if part == "test"
    ]
    assert (dealt.group_by("group").agg(pl.col("part").n_unique())["part"] == 1).all()
    assert 6 <= len(dealt.filter(part="valid")) <= 14  # .15 of 64, in whole artists of four
    found = presence.findings(table, parts, "auto")
    assert found.rows() == [("valid", "dealt_part", "")]


def test_a_whole_given_split_is_taken_as_it_is_and_comes_before_the_data_sets_own():
    given = ["train", "valid", "test"] * 4
    table = tracks(["a"] * 12, [f"{i}" for i in range(12)], given)
    assert split(table).table["part"].to_list() == given
    assert split(table, name="group").name == "group"
