"""FMA-full: 106,574 whole tracks, half of them in one of sixteen top genres.

Laid out as in the archive, at any depth: `fma_full/000/000002.mp3`. The folder of the
metadata, `fma_metadata`, lies in the same folder or beside it; without it, it is downloaded. The
split `official` keeps artists apart: 84,353, 10,958 and 11,263 tracks. The genres that
each artist chose, of 161, are the tags.

No track is known to be broken: the short and empty clips of `fma_medium` were cut at wrong places
from tracks that last 7 to 115 s, see https://github.com/mdeff/fma/issues/8. But whole tracks may
last hours: those over `decode.max_seconds` are quarantined as `too_long`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from soundstage.datasets import _fma
from soundstage.datasets._fma import CITATION, HONEST, LICENCE, METADATA, SPLITS

__all__ = ["CITATION", "FILES", "HONEST", "LICENCE", "METADATA", "SPLITS"]

FILES = 106_574


def fetch(root: Path, own: Path, metadata: Mapping[str, Path]) -> None:
    """See to it that metadata and audio are there, see `_fma.fetch`."""
    _fma.fetch(root, own, metadata, "full")


def tracks(files: Sequence[str], metadata: Mapping[str, Path]) -> pl.DataFrame:
    """Return a track each, see `_fma.tracks`."""
    return _fma.tracks(files, metadata, "full")
