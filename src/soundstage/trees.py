"""Decision trees as plain arrays, one tree behind the other, and their answers.

sizes      (T,) int32           nodes of each tree
left       (N,) int32           a node's children, counted from its tree's first node;
right      (N,) int32           a leaf has none: -1
column     (N,) int32           of a row, that a node compares; 0 of leaves
threshold  (N,) float32 or 64   up to which a row goes to the left
share      (leaves, outputs) float64   of a leaf's training rows those of each class, or with
                                each tag; not of XGBoost's, see `soundstage.boosters`
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from soundstage.tasks import Answer, Arrays, Kind, Task
from soundstage.untrusted_arrays import Slot, require

_I4, _F8 = np.dtype(np.int32), np.dtype(np.float64)
DEEPEST = 10_000  # steps from a root to a leaf, where training sets no limit
_AT_ONCE = 2**18  # leaves that are looked for together: they stay in the processor's cache


class Forest(NamedTuple):
    """Trees whose nodes are counted through; a leaf is its own child, so that a row stays there."""

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    column: np.ndarray
    threshold: np.ndarray
    depth: int


def layout(trees: int, threshold: type[np.floating]) -> dict[str, Slot]:
    """Return what the arrays of so many trees must be."""
    return {
        "sizes": Slot(_I4, (trees,)),
        "left": Slot(_I4, ("nodes",)),
        "right": Slot(_I4, ("nodes",)),
        "column": Slot(_I4, ("nodes",)),
        "threshold": Slot(np.dtype(threshold), ("nodes",)),
    }


def forest(arrays: Arrays, columns: int, depth: int | None) -> Forest:
    """Check the arrays of trees for rows of so many columns, and return them as a forest.

    A node's children come after it, and each has one parent: there is no way in circles, and none
    into another tree. No leaf lies deeper than `depth`.

    Raises
    ------
    UntrustedFileError
        They are not such trees.
    """
    sizes, left, right, column = (arrays[name] for name in ("sizes", "left", "right", "column"))
    nodes = len(left)
    require((sizes > 0).all() and sizes.sum(dtype=np.int64) == nodes, "the trees' sizes")
    roots = np.cumsum(sizes, dtype=np.int32) - sizes
    first, end = np.repeat(roots, sizes), np.repeat(roots + sizes, sizes)
    own = np.arange(nodes, dtype=np.int32)
    leaf = left == -1
    for child in (left, right):
        within = (child > own - first) & (child < end - first)
        require(np.where(leaf, child == -1, within).all(), "a node's child")
    left, right = (np.where(leaf, own, first + child) for child in (left, right))
    parents = np.bincount(left[~leaf], minlength=nodes) + np.bincount(right[~leaf], minlength=nodes)
    require(np.array_equal(parents, own != first), "a node's parent")
    within = (column >= 0) & (column < np.where(leaf, 1, columns))
    require(within.all(), "a node's column")
    levels = _depth(roots, left, right, leaf)
    require(levels <= (DEEPEST if depth is None else depth), f"a tree of {levels} levels")
    return Forest(roots, left, right, column, arrays["threshold"], levels)


def _depth(roots: np.ndarray, left: np.ndarray, right: np.ndarray, leaf: np.ndarray) -> int:
    """Return the number of steps from a root to the furthest leaf, DEEPEST + 1 at most."""
    at, steps = roots[~leaf[roots]], 0
    while len(at) and steps <= DEEPEST:
        at = np.concatenate([left[at], right[at]])
        at, steps = at[~leaf[at]], steps + 1
    return steps


def leaves(forest: Forest, X: np.ndarray) -> np.ndarray:
    """Return the node at which each row of X (n, columns) float32 ends in each tree, (T, n)."""
    at = np.repeat(forest.roots[:, None], len(X), axis=1)
    row = np.arange(len(X))
    for _ in range(forest.depth):
        goes_left = X[row, forest.column[at]] <= forest.threshold[at]
        at = np.where(goes_left, forest.left[at], forest.right[at])
    return at


def _batches(forest: Forest, rows: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // len(forest.roots))
    return (slice(start, start + step) for start in range(0, rows, step))


def _take(trained: Any, _X: np.ndarray, _y: np.ndarray) -> dict[str, np.ndarray]:
    grown = [tree.tree_ for tree in getattr(trained, "estimators_", [trained])]
    left = np.concatenate([tree.children_left for tree in grown])
    leaf = left == -1
    share = np.concatenate([tree.value[tree.children_left == -1] for tree in grown])
    return {
        "sizes": np.array([tree.node_count for tree in grown], np.int32),
        "left": left.astype(np.int32),
        "right": np.concatenate([tree.children_right for tree in grown]).astype(np.int32),
        "column": np.where(leaf, 0, np.concatenate([t.feature for t in grown])).astype(np.int32),
        "threshold": np.where(leaf, 0, np.concatenate([tree.threshold for tree in grown])),
        "share": share[:, 0] if share.shape[1] == 1 else share[:, :, 1],
    }


def _layout(untrained: Any, task: Task) -> dict[str, Slot]:
    n = getattr(untrained, "n_estimators", 1)
    return layout(n, np.float64) | {"share": Slot(_F8, ("leaves", task.tags or task.classes))}


def _answer(untrained: Any, arrays: Arrays, task: Task) -> Answer:
    share = arrays["share"]  # of each leaf's training rows that are of a class, or carry a tag
    grown = forest(arrays, task.columns, untrained.max_depth)
    place = np.cumsum(arrays["left"] == -1) - 1  # among the leaves
    require(len(share) == place[-1] + 1, "the number of leaves")
    require((share >= 0).all() and (share <= 1 + 1e-9).all(), "a leaf's shares")
    require(task.tags or np.allclose(share.sum(axis=1), 1), "a leaf's shares")

    def ask(X: np.ndarray) -> np.ndarray:
        X = X.astype(np.float32)
        found = np.empty((len(X), share.shape[1]))
        for rows in _batches(grown, len(X)):
            found[rows] = share[place[leaves(grown, X[rows])]].sum(axis=0)
        return found / len(grown.roots)

    return ask


KIND = Kind(_take, _layout, _answer)
