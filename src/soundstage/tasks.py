"""What a trained classifier is asked, and how each kind of them is stored and answers."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from soundstage.untrusted_arrays import Slot

Arrays = Mapping[str, np.ndarray]
Answer = Callable[[np.ndarray], np.ndarray]


class Task(NamedTuple):
    """What is told apart by so many columns: `classes`, of which one is right, or several `tags`.

    Of tags each has two classes.
    """

    columns: int
    classes: int
    tags: int = 0

    @property
    def scores(self) -> int:
        """Numbers that decide a row's answer: of two classes only the second has one."""
        return self.tags or (1 if self.classes == 2 else self.classes)


class Kind(NamedTuple):
    """How one kind of classifier is stored and asked.

    take: from (trained, X, y) to what it has learnt of these rows, as plain arrays.
    layout: from (untrained, task) to what these arrays must be.
    answer: from (untrained, arrays, task) to a function that maps X (n, columns) float64 to
        probabilities (n, classes) or (n, tags); of what is calibrated, to decisions (n,) or
        (n, classes). UntrustedFileError where training cannot have given the arrays, which are
        finite and as `layout` says.
    choose: of a classifier that has decisions and no probabilities, as `answer`, but to 1 for the
        class that its `predict` names and 0 for the others, (n, classes).
    """

    take: Callable[[Any, np.ndarray, np.ndarray], dict[str, np.ndarray]]
    layout: Callable[[Any, Task], dict[str, Slot]]
    answer: Callable[[Any, Arrays, Task], Answer]
    choose: Callable[[Any, Arrays, Task], Answer] | None = None
