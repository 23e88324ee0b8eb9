from itertools import product

import numpy as np
import pytest

from soundstage.placing import place

WORTH = (4, 2, 1)


def best(labels, n_parts):
    """The most labels that any placement has in parts, by trying all."""
    units, names = len(labels), set().union(*labels)
    return max(
        sum(
            WORTH[part] * any(at[u] == part and name in labels[u] for u in range(units))
            for part in range(n_parts)
            for name in names
        )
        for at in product(range(n_parts), repeat=units)
        if len(set(at)) == n_parts
    )


def worth(labels, at):
    names = set().union(*labels)
    return sum(
        WORTH[part] * any(a == part and name in own for a, own in zip(at, labels, strict=True))
        for part in range(3)
        for name in names
    )


def test_what_is_in_place_stays():
    labels = [frozenset({"rock"}), frozenset({"pop"})] * 3
    at = [0, 0, 1, 1, 2, 2]
    assert place(labels, [1] * 6, at, WORTH).tolist() == at


def test_three_units_of_a_label_are_in_three_parts_and_only_as_many_clips_move_as_must():
    labels = [frozenset({"rock"})] * 5 + [frozenset({"pop"})] * 3
    clips = [10, 1, 10, 10, 10, 5, 5, 5]
    at = np.array([0, 0, 0, 1, 0, 0, 1, 2])  # rock lacks part 2: the unit of one clip moves
    assert place(labels, clips, at, WORTH).tolist() == [0, 2, 0, 1, 0, 0, 1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_no_placement_has_more_labels_in_parts(seed):
    """Units of one to three labels, as artists who play several genres, against all placements."""
    rng = np.random.default_rng(seed)
    names = ["a", "b", "c", "d"]
    labels = [
        frozenset(rng.choice(names, rng.integers(1, 4), replace=False).tolist()) for _ in range(6)
    ]
    found = place(labels, rng.integers(1, 9, 6).tolist(), rng.integers(0, 3, 6), WORTH)
    assert set(found.tolist()) == {0, 1, 2}
    assert worth(labels, found) == best(labels, 3)


def test_two_units_of_each_label_train_and_test_and_no_part_is_empty():
    labels = [frozenset({name}) for name in "aabbccdd"]
    found = place(labels, [3] * 8, [0, 1, 0, 1, 0, 1, 0, 1], WORTH)
    assert set(found.tolist()) == {0, 1, 2}
    assert all(0 in found[2 * i : 2 * i + 2] for i in range(4))  # every label trains
    assert (found == 2).sum() == 1  # and one alone validates, since a part may not be empty


def test_a_single_unit_of_a_label_trains():
    labels = [frozenset({"a"})] * 6 + [frozenset({"b"})]
    assert place(labels, [1] * 7, [0, 0, 1, 1, 2, 2, 1], WORTH)[-1] == 0


def test_of_many_units_only_those_of_a_lacking_label_move(monkeypatch):
    monkeypatch.setattr("soundstage.placing.MOVABLE", 10)
    labels = [frozenset({"a"})] * 30 + [frozenset({"a", "b"})] * 3
    at = np.r_[np.arange(30) % 3, 0, 0, 0]
    found = place(labels, [1] * 33, at, WORTH)
    assert found[:30].tolist() == at[:30].tolist()
    assert sorted(found[30:].tolist()) == [0, 1, 2]


def test_units_without_labels_stay():
    assert place([frozenset()] * 3, [1, 1, 1], [0, 0, 1], WORTH).tolist() == [0, 0, 1]
