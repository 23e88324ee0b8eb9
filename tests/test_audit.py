import polars as pl
import pytest

from soundstage.audit import audit, lines


@pytest.fixture
def report():
    tracks = pl.DataFrame(
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
    parts = pl.DataFrame(
        {"track": list("abcdef"), "part": ["train", "test", "train", "test", "test", "valid"]}
    )
    # The files 1, 4 and 6 differ, but 1 and 4 decode to equal samples.
    return audit(tracks, parts, {"1": "x", "2": "y", "3": "z", "4": "x", "6": "w"})


def test_what_is_shared_is_counted(report):
    assert report["test"]["clips"] == 3
    assert report["test"]["shares"] == {"group": 1, "song": 1, "artist": 2, "file": 0, "audio": 1}
    assert report["valid"]["shares"] == {"group": 0, "song": 0, "artist": 0, "file": 0, "audio": 0}


def test_what_the_data_set_does_not_know_is_left_out(report):
    assert "album" not in report["test"]["shares"]


def test_label_shift_is_the_total_variation(report):
    # Training is half rock, half pop; validation pop alone; test two thirds rock.
    assert report["valid"]["label_shift"] == 0.5
    assert report["test"]["label_shift"] == pytest.approx(2 / 3 - 1 / 2, abs=1e-6)


def test_the_table_for_people(report):
    head, *rows = lines(report)
    assert "same song" in head
    assert [row.split()[0] for row in rows] == ["train", "valid", "test"]
    assert len({len(line) for line in [head, *rows]}) == 1
