import pytest

from soundstage import hearing
from soundstage.cuts import EACH_SLICE, Pieces

TEN = Pieces(10, 10, "start", 1)


@pytest.mark.parametrize(
    ("shape", "first_axis", "pieces", "expected"),
    [
        ((100,), "sample", None, (100, 100, None)),
        ((104,), "sample", None, (100, 104, None)),  # a trivial share
        ((214,), "sample", None, (100, 214, "cut")),
        ((96,), "sample", None, (96, 96, None)),
        ((94,), "sample", None, (94, 94, "padded")),
        ((0,), "sample", None, (0, 0, "too_short")),
        ((10,), "sample", TEN, (10, 10, None)),
        ((40,), "sample", TEN, (10, 40, "cut")),
        ((7,), "sample", TEN, (7, 7, "padded")),
        ((4,), "sample", TEN, (0, 4, "too_short")),
        ((128, 20), "frequency", Pieces(10, 10), (20, 20, None)),
        ((3, 128, 20), "copy", Pieces(10, 5, "start", 2), (15, 20, "cut")),
        ((10, 5, 2), "slice", EACH_SLICE, (10, 10, None)),
        ((10, 5, 2), "slice", Pieces(1, 1, "middle", 3), (3, 10, "cut")),
        ((0, 5, 2), "slice", EACH_SLICE, (0, 0, "too_short")),
    ],
)
def test_of_a_clip(shape, first_axis, pieces, expected):
    assert hearing.of_clip(shape, first_axis, pieces, (100,)) == expected


def test_along_any_axis():
    assert hearing.of_clip((3, 50, 4), "copy", None, (100, 2)) == (100, 200, "cut")
    assert hearing.of_clip((50, 2), "event", None, (100, 2)) == (100, 100, "padded")


def test_shares_are_of_the_audio_and_each_clip_counts_once():
    clips = [
        ("a", "train", None, (100,)),
        ("b", "train", None, (300,)),
        ("c", "valid", None, (1000,)),
        ("c", "test", None, (1000,)),
        ("d", "test", None, (50,)),
        ("e", "test", "undecodable", ()),
    ]
    found = hearing.summed_up(clips, "sample", None, (100,))
    assert found == {
        "clips": 5,
        "heard": {"test": round(150 / 1050, 6), "train": 0.5, "valid": 0.1},
        "warnings": {"cut": 2, "padded": 1, "unreadable": 1},
    }


def test_a_part_without_readable_audio_has_no_share():
    clips = [("a", "train", None, (100,)), ("b", "test", "undecodable", ())]
    assert hearing.summed_up(clips, "sample", None, (100,))["heard"] == {"train": 1.0}


@pytest.mark.parametrize(
    ("heard", "warnings", "line"),
    [
        ({"train": 1.0}, {}, ""),
        ({"train": 1.0}, {"padded": 2}, "; of 20 clips: 2 padded"),
        (
            {"train": 0.0512, "test": 0.0588},
            {"cut": 3, "padded": 2, "unreadable": 1},
            "; hears 5 % of the audio of its clips; of 20 clips: 3 cut, 2 padded, 1 unreadable",
        ),
        (
            {"train": 0.999, "valid": 0.5, "test": 0.003},
            {"too_short": 1},
            "; hears under 1 to 99 % of the audio of its clips; of 20 clips: 1 too short",
        ),
    ],
)
def test_what_is_said(heard, warnings, line):
    assert hearing.said(20, heard, warnings) == line
