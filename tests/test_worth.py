"""The statistics of docs/results.md: what a leak is worth, and of which clip what leaks."""

import numpy as np
import polars as pl
import pytest
from trial import SEGMENTS, leaks
from worth import difference, mean


def answers(rng, units, ability):
    """Of each unit 1 to 3 clips, in up to 5 draws; units differ in how hard they are."""
    clips = rng.integers(1, 4, units) * rng.integers(1, 6, units)
    right = rng.random(clips.sum()) < np.repeat(
        rng.beta(4 * ability, 4 * (1 - ability), units), clips
    )
    return pl.DataFrame({"unit": np.repeat(np.arange(units), clips), "right": right})


@pytest.mark.parametrize("units", [(12, 12), (20, 160), (60, 160), (250, 160)])
@pytest.mark.parametrize("ability", [(0.5, 0.5), (0.8, 0.6), (0.97, 0.7)])
def test_the_interval_of_a_difference_covers_it(rng, units, ability):
    n, held = 600, 0
    for _ in range(n):
        means = [mean(answers(rng, *of)) for of in zip(units, ability, strict=True)]
        _, low, high = difference(*means)
        held += low <= ability[0] - ability[1] <= high
    assert held / n >= 0.92
    assert held / n <= 0.985 or max(ability) > 0.9  # few of which nearly all are right: it is wide


def test_the_mean_is_the_share_of_right_answers():
    found = mean(pl.DataFrame({"unit": [1, 1, 1, 2], "right": [True, False, True, True]}))
    assert (found.value, found.clips) == (0.75, 4)
    assert mean(pl.DataFrame({"unit": [1, 1], "right": [True, False]})) is None


def test_all_right_is_not_surely_right():
    all_right = mean(pl.DataFrame({"unit": range(10), "right": [True] * 10}))
    half = mean(pl.DataFrame({"unit": range(1000), "right": [True, False] * 500}))
    d, low, high = difference(all_right, half)
    assert d == 0.5
    assert low < 0.4
    assert high > 0.5


def test_what_leaks_is_known_of_either_side():
    planted = pl.DataFrame(
        [
            ("b", "repeated", "a", "x"),
            ("d", "instruments", "c", "x"),
            ("e", "artist", "The players", "x"),
            ("f", "artist", "The players", "x"),
            ("g", "artist", "Others", "y"),
            ("h", "mislabelled", "", "y"),
        ],
        ["track", "kind", "other", "genre"],
        orient="row",
    )
    table = pl.DataFrame({"track": list("abcdefghi")})
    assert leaks(table, planted, set("i")) == {"i": SEGMENTS}
    assert leaks(table, planted, set("ad")) == {
        "a": SEGMENTS, "b": "repeated", "c": "instruments", "d": SEGMENTS,
    }  # fmt: skip
    assert leaks(table, planted, set("bf")) == {
        "a": "repeated", "b": SEGMENTS, "e": "artist", "f": SEGMENTS,
    }  # fmt: skip
    assert leaks(table, planted, set("gh")) == {"g": SEGMENTS, "h": SEGMENTS}
