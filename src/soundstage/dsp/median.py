"""A running median of 31 values, exact, with mirrored ends, of eight rows or columns at a time.

Sixteen neighbouring windows of 31 share sixteen rows. These are sorted once; then the windows are
halved into two groups of eight, each of which shares eight rows more, which are merged in, and so
on down to single windows. Of each merge only the ranks are kept that the median can still have:
16, 8, 4, 2, then the median itself. That is 28 minima and maxima a value and no branch.

Ends are mirrored as by `scipy.ndimage` with mode "reflect": d c b a | a b c d | d c b a.
"""

from typing import Any

import numpy as np
from numba.core import types

from soundstage.dsp.lanes import (
    WIDTH,
    intrinsic,
    kernel,
    load,
    load_row,
    row_pointer,
    store,
    store_row,
    transpose,
)

RADIUS = 15
BLOCK = RADIUS + 1  # windows that share a core

Rows = list[Any]


def _ordered(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    less = builder.fcmp_ordered("<", a, b)
    return builder.select(less, a, b), builder.select(less, b, a)


def _merged(builder: Any, a: Rows, b: Rows) -> Rows:
    """Batcher's odd-even merge of two sorted lists of one length, a power of two."""
    if len(a) == 1:
        return list(_ordered(builder, a[0], b[0]))
    even = _merged(builder, a[::2], b[::2])
    odd = _merged(builder, a[1::2], b[1::2])
    inner = [_ordered(builder, odd[i], even[i + 1]) for i in range(len(odd) - 1)]
    return [even[0], *(row for pair in inner for row in pair), odd[-1]]


def _sorted(builder: Any, rows: dict[int, Any], known: dict, first: int, n: int) -> Rows:
    """Rows `first` to `first + n`, sorted; `known` keeps each sorted piece for the next use."""
    if n == 1:
        return [rows[first]]
    if (first, n) not in known:
        halves = (_sorted(builder, rows, known, first + i, n // 2) for i in (0, n // 2))
        known[first, n] = _merged(builder, *halves)
    return known[first, n]


def _middle(builder: Any, core: Rows, more: Rows) -> Rows:
    """Of sorted `core` (2 m) and `more` (m), the ranks m to 2 m - 1, sorted."""
    m = len(more)
    # The 2 m smallest, then of these the m greatest: both halvings of a bitonic sequence.
    low = core[:m] + [_ordered(builder, core[m + i], more[m - 1 - i])[0] for i in range(m)]
    rows = [_ordered(builder, low[i], low[i + m])[1] for i in range(m)]
    while m := m // 2:
        for i in range(len(rows)):
            if not i & m:
                rows[i], rows[i + m] = _ordered(builder, rows[i], rows[i + m])
    return rows


def _medians(builder: Any, rows: dict[int, Any]) -> Rows:
    """The medians around rows 0 to 15, of rows -15 to 30."""
    known: dict[tuple[int, int], Rows] = {}

    def descend(core: Rows, first: int, last: int) -> Rows:
        half = len(core) // 2
        if not half:
            return core
        left = _sorted(builder, rows, known, first - half, half)
        right = _sorted(builder, rows, known, last, half)
        return [
            *descend(_middle(builder, core, left), first - half, last),
            *descend(_middle(builder, core, right), first, last + half),
        ]

    return descend(_sorted(builder, rows, known, 0, BLOCK), 0, BLOCK)


@intrinsic
def _median_block(_context: Any, padded: Any, _first: Any, out: Any, _out_first: Any) -> Any:
    """Write the medians around `padded[first : first + 16]` to `out[out_first:]`."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def pointer(array: int, row: int) -> Any:
            index = builder.add(args[array + 1], args[array + 1].type(row))
            return row_pointer(context, builder, sig.args[array], args[array], index)

        rows = {i: load_row(builder, pointer(0, i)) for i in range(-RADIUS, BLOCK + RADIUS)}
        for i, median in enumerate(_medians(builder, rows)):
            store_row(builder, median, pointer(2, i))
        return context.get_dummy_value()

    return types.void(padded, types.intp, out, types.intp), emit


@kernel
def _median_strip(strip: np.ndarray, n: int, out: np.ndarray) -> None:
    """Medians around `strip[16 : 16 + n]`, whose surroundings are filled with its mirror image."""
    for i in range(BLOCK):
        store(strip, BLOCK - 1 - i, load(strip, BLOCK + i))
    for i in range(len(strip) - BLOCK - n):
        store(strip, BLOCK + n + i, load(strip, BLOCK + n - 1 - i))
    for first in range(0, len(out), BLOCK):
        _median_block(strip, BLOCK + first, out, first)


@kernel
def median_of_rows(x: np.ndarray, n: int, out: np.ndarray) -> None:
    """Take medians along the rows of each tile.

    Args:
        x: float32 (tiles, at least n, 8), without nan.
        n: number of rows, at least 31; later ones are not read.
        out: as `x`; its first n rows are overwritten.
    """
    blocks = -(-n // BLOCK) * BLOCK
    strip = np.empty((blocks + 2 * BLOCK, WIDTH), np.float32)
    medians = np.empty((blocks, WIDTH), np.float32)
    for t in range(len(x)):
        for k in range(n):
            store(strip, BLOCK + k, load(x[t], k))
        _median_strip(strip, n, medians)
        for k in range(n):
            store(out[t], k, load(medians, k))


@kernel
def median_of_lanes(x: np.ndarray, n: int, out: np.ndarray) -> None:
    """Take medians along the lanes, those of a tile being followed by those of the next.

    Args:
        x: float32 (tiles, rows, 8), without nan; rows is a multiple of 8.
        n: number of lanes in all tiles together, at least 31; later ones are not read.
        out: as `x`, overwritten.
    """
    blocks = -(-n // BLOCK) * BLOCK
    strip = np.empty((blocks + 2 * BLOCK, WIDTH), np.float32)
    medians = np.empty((blocks, WIDTH), np.float32)
    for k in range(0, x.shape[1], WIDTH):
        for t in range(len(x)):
            transpose(x[t], k, 1, strip, BLOCK + WIDTH * t, 1)
        _median_strip(strip, n, medians)
        for t in range(len(x)):
            transpose(medians, WIDTH * t, 1, out[t], k, 1)
