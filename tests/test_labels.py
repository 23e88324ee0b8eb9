import pytest

from soundstage.labels import clean, in_one_case, look_alikes
from soundstage.params import Labels, load


@pytest.mark.parametrize(
    "text",
    [
        "  rock\t", "\ufeffrock", "rock\u200b", "\u00a0rock\u00a0", "rock\u00ad",
        "\u202arock\u202c", "\u2066rock\u2069", "\u3000rock", "rock\r\n", "\u3164rock", "rock\x00",
        "\u200erock\u200f",
    ],
)  # fmt: skip
def test_what_is_invisible_at_the_ends_is_cut_off(text):
    assert clean(text) == "rock"


def test_what_is_within_stays():
    assert clean("\u200bhip\u00a0hop\u200b") == "hip\u00a0hop"
    assert clean("\u200b \ufeff") == ""


def test_letters_are_composed():
    assert clean("Cafe\u0301 M\u0075\u0308ller") == "Caf\u00e9 M\u00fcller"
    assert clean("\u1112\u1161\u11ab") == "\ud55c"  # Hangul of three parts


def test_one_case_is_that_of_most_clips_or_the_first_in_order():
    counts = {"Rock": 3, "rock": 5, "ROCK": 1, "pop": 2, "Pop": 2, "Jazz": 9}
    assert in_one_case(counts) == {
        "Rock": "rock", "rock": "rock", "ROCK": "rock", "pop": "Pop", "Pop": "Pop"
    }  # fmt: skip


def test_labels_that_look_alike_are_told_with_their_numbers():
    counts = {"Rock": 3, "rock": 5, "Hip-Hop": 1, "hip hop": 2, "hiphop": 4, "R&B": 1, "Jazz": 9}
    assert look_alikes(counts) == [
        ("Rock, rock", "case_twins", "3 and 5 clips"),
        ("Hip-Hop, hip hop, hiphop", "look_alike", "1 and 2 and 4 clips"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        ("Stra\u00dfe", "STRASSE", "case_twins"),
        ("rock\u200bn roll", "rockn roll", "look_alike"),
        ("\uff32\uff4f\uff43\uff4b", "Rock", "look_alike"),  # of full width
        ("d'n'b", "d\u2019n\u2019b", "look_alike"),
    ],
)
def test_pairs_that_look_alike(one, other, code):
    assert [found.code for found in look_alikes({one: 1, other: 1})] == [code]


@pytest.mark.parametrize(
    ("one", "other"), [("C", "C++"), ("!!!", "???"), ("60s", "70s"), ("a", "b")]
)
def test_pairs_that_do_not(one, other):
    assert look_alikes({one: 1, other: 1}) == []


def test_the_projects_parameters_are_the_usual_ones():
    assert load().top.labels == Labels()
