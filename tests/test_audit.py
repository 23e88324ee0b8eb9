import polars as pl
import pytest

from soundstage.audit import audit, crossing, leaking, lines, two_labels
from soundstage.near_duplicates import groups

# The files 1, 4 and 6 differ, but 1 and 4 decode to equal samples; 3 and 6 are near-duplicates.
CHECKSUMS = {"1": "x", "2": "y", "3": "z", "4": "x", "6": "w"}
NEAR = pl.DataFrame({"a": ["3"], "b": ["6"], "agreeing": [40], "share": [0.5], "seconds": [1.25]})
RECORDINGS = groups(NEAR, CHECKSUMS)


@pytest.fixture
def tracks():
    return pl.DataFrame(
        [
            ("a", "1", "rock", None, "g1", "Who", None, "s1"),
            ("b", "2", "rock", None, "g1", "Who", None, "s1"),
            ("c", "3", "pop", None, "g2", "Abba", None, "s2"),
            ("d", "4", "pop", None, "g3", "Abba", None, "s3"),
            ("e", None, "rock", None, "g4", None, None, "s4"),
            ("f", "6", "pop", None, "g5", "Beck", None, "s5"),
        ],
        {
            name: pl.List(pl.String) if name == "tags" else pl.String
            for name in ("track", "key", "genre", "tags", "group", "artist", "album", "song")
        },
        orient="row",
    )


@pytest.fixture
def parts():
    return pl.DataFrame(
        {"track": list("abcdef"), "part": ["train", "test", "train", "test", "test", "valid"]}
    )


@pytest.fixture
def report(tracks, parts):
    return audit(tracks, parts, CHECKSUMS, RECORDINGS)


def test_what_is_shared_is_counted(report):
    nothing = {"group": 0, "song": 0, "artist": 0, "file": 0, "audio": 0}
    shares = {"group": 1, "song": 1, "artist": 2, "file": 0, "audio": 1, "near_audio": 1}
    assert report["test"]["clips"] == 3
    assert report["test"]["shares"] == shares
    assert report["valid"]["shares"] == nothing | {"near_audio": 1}
    assert (report["left_out"], report["by_segment"]) == (0, 0)


def test_what_the_data_set_does_not_know_is_left_out(report, tracks, parts):
    assert "album" not in report["test"]["shares"]
    silent = audit(tracks, parts, {}, {})
    assert {"audio", "near_audio"}.isdisjoint(silent["test"]["shares"])


def test_label_shift_is_the_total_variation(report):
    # Training is half rock, half pop; validation pop alone; test two thirds rock.
    assert report["valid"]["label_shift"] == 0.5
    assert report["test"]["label_shift"] == pytest.approx(2 / 3 - 1 / 2, abs=1e-6)


def test_the_label_that_shifts_most(report, tracks, parts):
    assert report["valid"]["most_shifted_by"] == 0.5
    tags = [["loud", "old"], ["old"], ["loud"], ["loud"], [], None]
    tagged = tracks.with_columns(genre=pl.lit(None, pl.String), tags=pl.Series(tags))
    found = audit(tagged, parts, CHECKSUMS, RECORDINGS)
    # Both training clips are loud and one is old; of the three that test one is either.
    assert found["test"]["most_shifted"] == "loud"
    assert found["test"]["most_shifted_by"] == pytest.approx(1 / 3 - 1, abs=1e-6)
    assert found["test"]["label_shift"] == pytest.approx(2 / 3 - 1 / 2, abs=1e-6)
    assert "label_shift" not in found["valid"]  # its only clip has no tags


def test_a_split_may_leave_tracks_out_and_validate_on_test_clips(tracks):
    parts = pl.DataFrame({"track": list("abdbd"), "part": ["train", *"tt", *"vv"]}).with_columns(
        pl.col("part").replace({"t": "test", "v": "valid"})
    )
    report = audit(tracks, parts, CHECKSUMS, RECORDINGS)
    assert report["left_out"] == 3
    assert report["valid"] == report["test"]
    assert report["test"]["clips"] == 2
    assert report["test"]["shares"]["group"] == 1
    assert report["test"]["shares"]["audio"] == 1


def test_clips_dealt_by_segment_are_shared_with_themselves(tracks):
    parts = tracks.select("track", part=pl.lit("by_segment"))
    report = audit(tracks, parts, CHECKSUMS, RECORDINGS)
    assert report["by_segment"] == 6
    assert report["train"]["clips"] == 6
    for part in ("valid", "test"):
        shares = {"group": 6, "song": 6, "artist": 5, "file": 5, "audio": 5, "near_audio": 5}
        assert report[part]["clips"] == 6
        assert report[part]["shares"] == shares
        assert report[part]["label_shift"] == 0
    assert "6 clips are dealt over all parts" in "\n".join(lines(report, NEAR.clear()))


def test_near_duplicates_across_parts_are_named(tracks, parts):
    found = crossing(tracks, parts, NEAR)
    assert found.rows() == [("f", "valid", "c", 0.5, 1.25)]
    swapped = parts.with_columns(
        part=pl.when(track="c").then(pl.lit("test")).when(track="f").then(pl.lit("train"))
        .otherwise("part")
    )  # fmt: skip
    assert crossing(tracks, swapped, NEAR).rows() == [("c", "test", "f", 0.5, -1.25)]
    assert not len(crossing(tracks, parts.filter(pl.col("track") != "c"), NEAR))


def test_the_table_for_people(report, tracks, parts):
    head, *rows = lines(report, crossing(tracks, parts, NEAR))
    assert "same song" in head
    assert "near audio" in head
    assert [row.split()[0] for row in rows[:3]] == ["train", "valid", "test"]
    assert len({len(line) for line in [head, *rows[:3]]}) == 1
    assert (
        rows[3] == "valid: of all labels pop shifts most, by +50.0 percentage points of the clips"
    )
    assert rows[-2:] == [
        "near-duplicates of training, 1 of 1:",
        "  f (valid) is near c (train): 50 % of their landmarks, 1.2 s later",
    ]


def test_few_of_many_near_duplicates_are_named(report, tracks, parts):
    many = pl.concat([crossing(tracks, parts, NEAR)] * 9)
    assert lines(report, many)[-6] == "near-duplicates of training, 5 of 9:"
    assert not any("near-dup" in line for line in lines(report, many.clear()))


def test_one_recording_under_two_genres_is_named_by_pair(tracks):
    """a.wav and d.flac decode to equal samples; of c and f, near and both pop, nothing is said."""
    named = tracks.with_columns(path=pl.col("track") + pl.Series([".wav", *[".flac"] * 5]))
    found = two_labels(named, RECORDINGS)
    assert found.rows() == [("d.flac", "two_labels", "pop, and a.wav is rock")]
    copies = pl.concat([named, named.filter(track="c").with_columns(
        track=pl.lit("g"), path=pl.lit("g.mp3"), genre=pl.lit("jazz"))])  # fmt: skip
    assert two_labels(copies, RECORDINGS).rows() == [
        ("d.flac", "two_labels", "pop, and a.wav is rock"),
        ("g.mp3", "two_labels", "jazz, and c.flac is pop"),
    ]
    assert not len(two_labels(named.with_columns(genre=pl.lit(None, pl.String)), RECORDINGS))


def test_what_touches_the_scores(report):
    assert leaking(report | {"two_labels": 3}) == {"shared_artist": 2, "two_labels": 3}
    assert leaking({"test": {"clips": 1, "shares": {}}, "two_labels": 0}) == {}
