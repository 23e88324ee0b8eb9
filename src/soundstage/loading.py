"""From a view to arrays: `arrays` gives numpy, `loader` gives batches for torch."""

from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from soundstage import views
from soundstage.committed import restore
from soundstage.errors import SoundstageError
from soundstage.store.read import Feature
from soundstage.store.shards import Shard, raw

if TYPE_CHECKING:
    from soundstage.batches import Batches

HELD = 2**28  # bytes: a part with fewer is kept in memory, at most 256 MiB
OPEN_FILES = 256  # shards open at a time; Linux lets a process have 1,024 files by default


def fit(array: np.ndarray, shape: Sequence[int], unit: str) -> np.ndarray:
    """Cut an array to `shape`, or pad it with silence, at the ends of its axes.

    Silence is 0, but in decibels 0 is loud: there, each line along a padded axis (the frames of a
    band, say) goes on with its own least value, the quietest that the clip was.
    """
    if array.shape == tuple(shape):
        return array
    cut = array[tuple(slice(n) for n in shape)]
    missing = [(0, n - m) for n, m in zip(shape, cut.shape, strict=True)]
    return np.pad(cut, missing, mode="minimum" if unit.startswith("dB") else "constant")


class Segments:
    """The segments of one part of a view, read from the store beside it.

    `targets`: (n,) int64 genres, or (n, classes) float32 tags of 0 and 1.
    `Segments[i]` is the segment's array of the view's input_shape, in the store's dtype.

    Raises
    ------
    SoundstageError
        The view or the part is empty, or the store has changed since the view was made.
    """

    def __init__(self, path: str | Path, part: str) -> None:
        path = Path(path)
        self.part = part
        self.view = views.read(path)
        about = self.view.about
        if about.empty:
            raise SoundstageError(f"{about.model}: cannot have this data set: {about.empty}")
        self.rows = self.view.part(part)
        if not len(self.rows):
            raise SoundstageError(f"{path}: has no readable clips in part {part!r}")
        self.targets = _targets(self.rows["target"].to_list(), about)
        folder = path.parent.parent / "store" / about.input
        if not folder.exists():  # a clone that pulled the view only
            restore(folder)
        feature = Feature(folder)
        self._shape = tuple(about.input_shape)
        self._dtype, self._unit = np.dtype(feature.index["dtype"]), feature.index["unit"]
        self._places = _places(feature, self.rows, self._shape)
        keys = set(self.rows["key"])
        self._values = lru_cache(OPEN_FILES)(partial(Shard.values_of, keys=keys))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> np.ndarray:
        """Return a segment's array."""
        return self.batch([i])[0][0]

    def batch(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the arrays (len(indices), *input_shape) and the targets of some segments."""
        chosen = list(indices)
        X = self._read(chosen) if self._held is None else self._held[chosen]
        return X, self.targets[chosen]

    @cached_property
    def _held(self) -> np.ndarray | None:
        """The arrays of all segments, where they are small: a read costs more than such a copy."""
        size = len(self) * prod(self._shape) * self._dtype.itemsize
        return self._read(range(len(self))) if size <= HELD else None

    def _read(self, indices: Sequence[int]) -> np.ndarray:
        """Read segments from their shards, each straight to where it belongs in the result."""
        wanted, places, values = self._shape, self._places, self._values
        X = np.empty((len(indices), *wanted), self._dtype)
        # Bytes, since to cut them takes a third of the time of `X[k]`: half of a short read.
        everything, size = raw(X), prod(wanted) * self._dtype.itemsize
        for k, i in enumerate(indices):
            shard, start, shape, first = places[i]
            if shape == wanted:
                values(shard).fill(everything[k * size : (k + 1) * size], start)
            else:
                # Of a long clip no more than is wanted: what the first axis begins with.
                array = np.empty((min(shape[0], wanted[0]), *shape[1:]), self._dtype)
                values(shard).fill(raw(array), start)
                X[k] = fit(array[..., first:], wanted, self._unit)
        return X


# Of a segment: its shard, where values start there, their shape, and what of their last axis the
# segment leaves out at the start.
_Place = tuple[Shard, int, tuple[int, ...], int]


def _places(feature: Feature, rows: pl.DataFrame, wanted: Sequence[int]) -> list[_Place]:
    """Return where segments lie, of which no more than `wanted`, a shape, is read."""
    clips = {}
    firsts = rows.unique("key", keep="first", maintain_order=True)
    for track, key, checksum in firsts.select("track", "key", "checksum").iter_rows():
        shard = feature.shard_of(key)
        if key not in shard or shard.checksums[i := shard.position(key)] != checksum:
            raise SoundstageError(
                f"{track}: the store's {feature.index['name']} has changed since the view was "
                "made; run `dvc repro`"
            )
        clips[key] = shard, shard.starts[i], shard.shapes[i]
    number = {"slice": "segment", "copy": "copy"}.get(feature.index["axes"][0])
    places = []
    for key, copy, segment, first in rows.select("key", "copy", "segment", "start").iter_rows():
        shard, start, shape = clips[key]
        if number:
            start += {"segment": segment, "copy": copy}[number] * prod(shape[1:])
            shape = shape[1:]
        if len(shape) == 1:  # a piece of it is in one piece
            start, shape, first = start + first, (min(wanted[0], shape[0] - first),), 0
        places.append((shard, start, shape, first))
    return places


def _targets(targets: Sequence[Sequence[int]], about: views.About) -> np.ndarray:
    if not about.multilabel:
        return np.array([label for (label,) in targets], np.int64)
    table = np.zeros((len(targets), len(about.classes)), np.float32)
    for row, labels in zip(table, targets, strict=True):
        row[labels] = 1
    return table


def arrays(view: str | Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return all segments of a part of a view (`train`, `valid` or `test`).

    Returns
    -------
    X: (n, *input_shape) in the store's dtype; y: (n,) int64 genres, or (n, classes) float32 tags.
    """
    segments = Segments(view, part)
    return segments.batch(range(len(segments)))


def loader(
    view: str | Path, part: str, *, batch_size: int, shuffle_seed: int | None = None
) -> "Batches":
    """Return the segments of a part of a view in batches for torch, anew each time it is iterated.

    Batches are (X, y) tensors, see `arrays`; in the order of the view, or shuffled anew in each
    epoch where `shuffle_seed` is given.
    """
    from soundstage.batches import Batches  # torch takes seconds to import

    return Batches(Segments(view, part), batch_size=batch_size, shuffle_seed=shuffle_seed)
