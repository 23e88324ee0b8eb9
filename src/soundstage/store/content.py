"""What a shard's file says, whichever kind of file it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from soundstage.store.rows import CHECKSUM_LENGTH, KEY_LENGTH, Rejection, are_hex
from soundstage.store.values import Rows, Values


@dataclass(frozen=True)
class Content:
    """All that a shard's file says, but for the values; ValueError if it contradicts itself.

    `keys` and `checksums` of the rows, which lie one after the other from value `starts[i]` on in
    `shapes[i]`; `n_axes` dimensions each, of `dtype`; `columns` names the entries of a Parquet
    shard's rows. `sources`: whose numbers each row holds, [] where nothing is said.
    `open_values` opens the values of these rows.
    """

    keys: list[str]
    checksums: list[str]
    shapes: list[tuple[int, ...]]
    starts: list[int]
    dtype: np.dtype
    n_axes: int
    columns: list[str]
    rejections: dict[str, Rejection]
    sources: list[str]
    attributes: Mapping[str, np.ndarray]
    open_values: Callable[[Rows], Values]

    def __post_init__(self) -> None:
        members = [*self.keys, *self.rejections]
        if not are_hex(members, KEY_LENGTH) or len(set(members)) < len(members):
            raise ValueError("its members are no content hashes, or one is there twice")
        if self.keys != sorted(self.keys):
            raise ValueError("its keys are not sorted")
        if len(self.checksums) != len(self.keys) or not are_hex(self.checksums, CHECKSUM_LENGTH):
            raise ValueError("a row has no checksum")
        if len(self.sources) not in (0, len(self.keys)):
            raise ValueError("a row has no source")
