"""FMA-small: 8,000 clips of 30 s, a thousand of each of eight genres.

Laid out as in the archive, at any depth: `fma_small/000/000002.mp3`. The folder of the
metadata, `fma_metadata`, lies in the same folder or beside it; without it, it is downloaded. The
split `official` keeps artists apart: 6,400, 800 and 800 clips, as many of each genre.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from soundstage.datasets import _fma
from soundstage.datasets._fma import CITATION, HONEST, LICENCE, METADATA, SPLITS

__all__ = ["CITATION", "FAULTS", "FILES", "HONEST", "LICENCE", "METADATA", "SPLITS"]

FILES = 8000
FAULTS = _fma.faults(
    {
        98565: "1.6 s instead of 30",
        98567: "0.5 s instead of 30",
        98569: "1.5 s instead of 30",
        99134: "holds no audio",
        108925: "holds no audio",
        133297: "holds no audio",
        107535: "nearly silent",
        110736: "nearly silent",
        119979: "nearly silent",
    }
)


def fetch(root: Path, own: Path, metadata: Mapping[str, Path]) -> None:
    """See to it that metadata and audio are there, see `_fma.fetch`."""
    _fma.fetch(root, own, metadata, "small")


def tracks(files: Sequence[str], metadata: Mapping[str, Path]) -> pl.DataFrame:
    """Return a track each, see `_fma.tracks`."""
    return _fma.tracks(files, metadata, "small")
