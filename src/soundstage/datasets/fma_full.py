"""FMA-full: 106,574 whole tracks, half of them in one of sixteen top genres.

Laid out as in the archive, at any depth: `fma_full/000/000002.mp3`. The folder of the
metadata, `fma_metadata`, lies in the same folder or beside it; without it, it is downloaded. The
split `official` keeps artists apart: 80, 10 and 10 % of all tracks. The genres that
each artist chose, of 161, are the tags.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from soundstage.datasets import _fma
from soundstage.datasets._fma import CITATION, HONEST, LICENCE, METADATA

__all__ = ["CITATION", "FILES", "HONEST", "LICENCE", "METADATA"]

FILES = 106_574


def fetch(root: Path, own: Path) -> None:
    """See to it that metadata and audio are there, see `_fma.fetch`."""
    _fma.fetch(root, own, "full")


def tracks(files: Sequence[str], metadata: Mapping[str, Path]) -> pl.DataFrame:
    """Return a track each, see `_fma.tracks`."""
    return _fma.tracks(files, metadata, "full")
