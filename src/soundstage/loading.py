"""From a view to arrays: `arrays` gives numpy, `loader` gives batches for torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from soundstage import views
from soundstage.errors import SoundstageError
from soundstage.store.read import Feature

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


def fit(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Cut an array to `shape`, or pad it with zeros at the ends of its axes."""
    if array.shape == tuple(shape):
        return array
    fitted = np.zeros(shape, array.dtype)
    overlap = tuple(slice(0, min(a, b)) for a, b in zip(array.shape, shape, strict=True))
    fitted[overlap] = array[overlap]
    return fitted


class Segments:
    """The segments of one part of a view, read from the store beside it.

    `targets`: (n,) int64 genres, or (n, classes) float32 tags of 0 and 1.
    `Segments[i]` is the segment's array of the view's input_shape, in the store's dtype.
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
        self.feature = Feature(path.parent.parent / "store" / about.input)
        self._sliced = self.feature.index["axes"][0] == "slice"
        self._places = self.rows.select("key", "segment", "checksum").rows()
        self.targets = _targets(self.rows["target"].to_list(), about)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> np.ndarray:
        """Return a segment's array."""
        key, segment, checksum = self._places[i]
        shard = self.feature.shard_of(key)
        if shard.checksums[shard.position(key)] != checksum:
            raise SoundstageError(
                f"{self.rows['track'][i]}: the store's {self.view.about.input} has changed since "
                "the view was made; run `dvc repro`"
            )
        array = shard.array(key)
        return fit(array[segment] if self._sliced else array, self.view.about.input_shape)

    def batch(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the arrays (len(indices), *input_shape) and the targets of some segments."""
        return np.stack([self[i] for i in indices]), self.targets[list(indices)]


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
) -> "DataLoader":
    """Return a torch DataLoader over the segments of a part of a view.

    Batches are (X, y) tensors, see `arrays`; in the order of the view, or shuffled anew in each
    epoch by a generator of its own where `shuffle_seed` is given.
    """
    import torch
    from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

    segments = Segments(view, part)
    if shuffle_seed is None:
        order: torch.utils.data.Sampler = SequentialSampler(segments)
    else:
        generator = torch.Generator().manual_seed(shuffle_seed)
        order = RandomSampler(segments, generator=generator)

    class Batches(torch.utils.data.Dataset):
        def __getitem__(self, indices: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
            X, y = segments.batch(indices)
            return torch.from_numpy(X), torch.from_numpy(y)

    # A batch is fetched at once in this process: faster than worker processes on mapped files.
    batches = BatchSampler(order, batch_size, drop_last=False)
    return DataLoader(Batches(), sampler=batches, batch_size=None)
