"""Trees of known answers, and files whose arrays lead out of them, or in circles."""

import numpy as np
import pytest

from soundstage import trees
from soundstage.tasks import Task
from soundstage.trees import forest, leaves
from soundstage.untrusted_arrays import UntrustedFileError


def two_trees(**changes):
    """Return a tree that asks column 1, then 0, and one that is a leaf."""
    arrays = {
        "sizes": np.array([5, 1], np.int32),
        "left": np.array([1, -1, 3, -1, -1, -1], np.int32),
        "right": np.array([2, -1, 4, -1, -1, -1], np.int32),
        "column": np.array([1, 0, 0, 0, 0, 0], np.int32),
        "threshold": np.array([0.5, 0, -1, 0, 0, 0]),
    }
    for name, (place, value) in changes.items():
        arrays[name][place] = value
    return arrays


def test_rows_fall_into_the_leaves_of_each_tree():
    grown = forest(two_trees(), columns=2, depth=2)
    assert grown.depth == 2
    X = np.array([[9, 0.5], [-1, 0.6], [-0.9, 0.6]], np.float32)
    assert leaves(grown, X).tolist() == [[1, 3, 4], [5, 5, 5]]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"left": (0, 5)}, "a node's child"),  # of the other tree
        ({"left": (0, 0)}, "a node's child"),
        ({"left": (2, 1)}, "a node's child"),  # back
        ({"right": (0, -1)}, "a node's child"),
        ({"right": (0, -3)}, "a node's child"),
        ({"left": (0, 2**31 - 1)}, "a node's child"),
        ({"left": (5, -(2**31))}, "a node's child"),
        ({"left": (1, 2)}, "a node's child"),  # one child
        ({"right": (0, 3)}, "a node's parent"),
        ({"left": (2, 4)}, "a node's parent"),
        ({"column": (0, 2)}, "a node's column"),
        ({"column": (0, -1)}, "a node's column"),
        ({"column": (1, 1)}, "a node's column"),  # of a leaf
        ({"sizes": (1, 2)}, "the trees' sizes"),
        ({"sizes": (slice(None), (6, 0))}, "the trees' sizes"),
        ({"sizes": (slice(None), (7, -1))}, "the trees' sizes"),
        ({"sizes": (slice(None), (2**31 - 1, 2**31 - 1))}, "the trees' sizes"),
    ],
)
def test_what_is_no_tree_is_refused(changes, what):
    with pytest.raises(UntrustedFileError, match=what):
        forest(two_trees(**changes), columns=2, depth=None)


def chain(depth):
    """Return a tree whose right children go down, with a leaf to the left of each."""
    inner = np.arange(0, 2 * depth, 2, dtype=np.int32)
    arrays = {name: np.full(2 * depth + 1, -1, np.int32) for name in ("left", "right")}
    arrays["left"][inner], arrays["right"][inner] = inner + 1, inner + 2
    n = len(arrays["left"])
    column, threshold = np.zeros(n, np.int32), np.zeros(n)
    return arrays | {"sizes": np.array([n], np.int32), "column": column, "threshold": threshold}


def test_a_tree_is_no_deeper_than_training_makes_it():
    assert forest(chain(7), 1, depth=7).depth == 7
    with pytest.raises(UntrustedFileError, match="a tree of 8 levels"):
        forest(chain(8), 1, depth=7)
    with pytest.raises(UntrustedFileError, match=f"a tree of {trees.DEEPEST + 1} levels"):
        forest(chain(3 * trees.DEEPEST), 1, depth=None)


class Untrained:
    """What is asked of a forest before it is trained."""

    n_estimators, max_depth = 2, None


SHARE = np.array([[1, 0], [0.5, 0.5], [0, 1], [0.25, 0.75]])


def test_answers_are_the_mean_of_the_leaves_shares(monkeypatch):
    ask = trees.KIND.answer(Untrained, two_trees() | {"share": SHARE}, Task(2, 2))
    X = np.array([[9, 0.5], [-1, 0.6], [-0.9, 0.6]])
    expected = [[0.625, 0.375], [0.375, 0.625], [0.125, 0.875]]
    np.testing.assert_array_equal(ask(X), expected)
    monkeypatch.setattr(trees, "_AT_ONCE", 2)  # one row at a time
    np.testing.assert_array_equal(ask(X), expected)


@pytest.mark.parametrize(
    ("share", "tags", "what"),
    [
        (SHARE[:3], 0, "the number of leaves"),
        (np.vstack([SHARE, SHARE[:1]]), 0, "the number of leaves"),
        (-SHARE, 0, "a leaf's shares"),
        (SHARE * 2, 2, "a leaf's shares"),
        (SHARE / 2, 0, "a leaf's shares"),
    ],
)
def test_shares_that_cannot_be_are_refused(share, tags, what):
    with pytest.raises(UntrustedFileError, match=what):
        trees.KIND.answer(Untrained, two_trees() | {"share": share}, Task(2, 2, tags))
