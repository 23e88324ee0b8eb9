"""Placing units, such as artists, so that every label is in every part where any placement can.

A mixed-integer program: as few clips as possible move from where they are, so shares stay as they
are as far as that goes. Solved by HiGHS (`scipy.optimize.milp`), exactly where there are at most
`MOVABLE` units, else with only those units free that have a label which a part lacks.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array, eye_array, hstack, kron

MOVABLE = 2000  # units, for which the program takes a second
# One label more in a part is worth more than all clips moved; a part that is not empty, more than a
# label in test (weight 2) instead of validation (1), but less than one in training (4).
_PRESENT, _NOT_EMPTY = 4.0, 8.0
_TIE = 1e-3  # of equally few clips those of later units move: their order is drawn from the seed


def place(
    labels: Sequence[frozenset[str]],
    clips: Sequence[int],
    part: Sequence[int],
    weights: Sequence[float],
) -> np.ndarray:
    """Move as few clips as possible so that as many labels as possible are in each part.

    Parameters
    ----------
    labels, clips, part: of each unit its labels, how many clips it has, and the number of the part
        in which it is now. The order of the units settles ties.
    weights: of each part what a label's presence there is worth, 1 or more.

    Returns
    -------
    (units,) the part of each unit. Those that are in place already where nothing is lacking.
    """
    now = np.asarray(part)
    names = sorted(frozenset().union(*labels))
    number = {name: i for i, name in enumerate(names)}
    pairs = [(number[name], u) for u, own in enumerate(labels) for name in own]
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    has = csr_array(coo_array((np.ones(len(pairs)), (rows, columns)), (len(names), len(labels))))
    at = np.eye(len(weights))[now]  # (units, parts)
    present = has @ at > 0
    if not names or (present.all() and at.any(axis=0).all()):
        return now
    free = np.arange(len(labels))
    if len(free) > MOVABLE:
        free = np.flatnonzero(has.T @ ~present.all(axis=1))
    held = np.setdiff1d(np.arange(len(labels)), free)
    moved = np.asarray(clips)[free] / sum(clips) * (1 + _TIE * np.linspace(1, 0, len(free)))
    solved = _solve(
        has[:, free], has[:, held] @ at[held], at[held].sum(0), at[free], moved, weights
    )
    now = now.copy()
    now[free] = solved
    return now


def _solve(
    has: csr_array,
    held: np.ndarray,
    filled: np.ndarray,
    at: np.ndarray,
    moved: np.ndarray,
    weights: Sequence[float],
) -> np.ndarray:
    """Return the part of each free unit.

    The unknowns are, in this order: x[unit, part], whether a unit is in a part; lacks[label, part];
    and empty[part]. `held` (labels, parts) and `filled` (parts,) count what stays.
    """
    units, parts = at.shape
    labels = has.shape[0]
    everywhere = eye_array(parts)
    once = kron(eye_array(units), np.ones((1, parts)))  # each unit is in one part
    covers = kron(has, everywhere)  # a label is in a part with any of its units, or lacks there
    fills = kron(np.ones((1, units)), everywhere)
    n_lacks = labels * parts
    one = np.ones(parts)
    constraints = [
        LinearConstraint(hstack([once, coo_array((units, n_lacks + parts))]), 1, 1),
        LinearConstraint(
            hstack([covers, eye_array(n_lacks), coo_array((n_lacks, parts))]), lb=1 - held.ravel()
        ),
        LinearConstraint(hstack([fills, coo_array((parts, n_lacks)), everywhere]), lb=one - filled),
    ]
    cost = np.concatenate(
        [
            (moved[:, None] * (1 - at)).ravel(),
            np.tile(np.asarray(weights) * _PRESENT, labels),
            one * _NOT_EMPTY,
        ]
    )
    integrality = np.zeros(len(cost))
    integrality[: units * parts] = 1
    found = milp(cost, integrality=integrality, bounds=Bounds(0, 1), constraints=constraints)
    return found["x"][: units * parts].reshape(units, parts).argmax(axis=1)
