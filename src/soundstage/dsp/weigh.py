"""A fixed matrix times the rows of a tile: filter banks and cosine transforms.

The rows of the matrix go in fours, and of each four only the columns are visited in which one of
them is not zero: a mel filter bank is nearly empty.
"""

from typing import NamedTuple

import numpy as np

from soundstage.dsp.lanes import kernel, load, spread, store

_ROWS = 4


class Weights(NamedTuple):
    """A matrix (rows, columns) as `weigh` takes it."""

    values: np.ndarray  # float32 (rows / 4, columns, 4)
    first: np.ndarray  # int64 (rows / 4,), the first column that is not zero
    last: np.ndarray  # int64 (rows / 4,), one past the last

    @property
    def n_rows(self) -> int:
        """Rows of the matrix."""
        return len(self.first) * _ROWS


def weights(matrix: np.ndarray) -> Weights:
    """Prepare a matrix (rows, columns); rows is a multiple of four."""
    values = matrix.reshape(len(matrix) // _ROWS, _ROWS, -1).transpose(0, 2, 1)
    used = np.any(values, axis=2)
    first = used.argmax(axis=1)
    last = used.shape[1] - used[:, ::-1].argmax(axis=1)
    return Weights(
        np.ascontiguousarray(values, np.float32), first, np.where(np.any(used, axis=1), last, first)
    )


@kernel
def weigh(
    values: np.ndarray, first: np.ndarray, last: np.ndarray, x: np.ndarray, out: np.ndarray
) -> None:
    """Multiply tiles by a matrix: `out[t] = matrix @ x[t]`.

    Args:
        values: as of `Weights`, a matrix (rows, columns).
        first: as of `Weights`.
        last: as of `Weights`.
        x: float32 (tiles, columns or more, 8).
        out: float32 (tiles, rows, 8), overwritten.
    """
    for t in range(len(x)):
        for group in range(len(first)):
            four = values[group]
            a = b = c = d = spread(0.0)
            for k in range(first[group], last[group]):
                row = load(x[t], k)
                a += row * spread(four[k, 0])
                b += row * spread(four[k, 1])
                c += row * spread(four[k, 2])
                d += row * spread(four[k, 3])
            store(out[t], _ROWS * group, a)
            store(out[t], _ROWS * group + 1, b)
            store(out[t], _ROWS * group + 2, c)
            store(out[t], _ROWS * group + 3, d)
