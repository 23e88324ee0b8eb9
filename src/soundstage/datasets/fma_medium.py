"""FMA-medium: 25,000 clips of 30 s of sixteen genres of unequal size.

Laid out as in the archive, at any depth: `fma_medium/000/000002.mp3`. The folder of the
metadata, `fma_metadata`, lies in the same folder or beside it; without it, it is downloaded. The
split `official` keeps artists apart: 19,922, 2,505 and 2,573 clips.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from soundstage.datasets import _fma, fma_small
from soundstage.datasets._fma import CITATION, HONEST, LICENCE, METADATA, SPLITS

__all__ = ["CITATION", "FAULTS", "FILES", "HONEST", "LICENCE", "METADATA", "SPLITS"]

FILES = 25_000
# The list of the data set's authors; what is wrong with those of `fma_small` is known.
FAULTS = _fma.faults(dict.fromkeys(
    (
        1486, 5574, 65753, 80391, 98558, 98559, 98560, 98566, 98568, 98571, 105247, 108924,
        126981, 127336, 143992,
    ),
    "shorter than 30 s, or holds no audio",
)) | _fma.faults({130169: "nearly silent"}) | fma_small.FAULTS  # fmt: skip


def fetch(root: Path, own: Path, metadata: Mapping[str, Path]) -> None:
    """See to it that metadata and audio are there, see `_fma.fetch`."""
    _fma.fetch(root, own, metadata, "medium")


def tracks(files: Sequence[str], metadata: Mapping[str, Path]) -> pl.DataFrame:
    """Return a track each, see `_fma.tracks`."""
    return _fma.tracks(files, metadata, "medium")
