"""FMA-large: 106,574 clips of 30 s, half of them in one of sixteen top genres.

Laid out as in the archive, at any depth: `fma_large/000/000002.mp3`. The folder of the
metadata, `fma_metadata`, lies in the same folder or beside it; without it, it is downloaded. The
split `official` keeps artists apart: 84,353, 10,958 and 11,263 clips. The genres that
each artist chose, of 161, are the tags.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from soundstage.datasets import _fma, fma_medium
from soundstage.datasets._fma import CITATION, HONEST, LICENCE, METADATA, SPLITS

__all__ = ["CITATION", "FAULTS", "FILES", "HONEST", "LICENCE", "METADATA", "SPLITS"]

FILES = 106_574
# As users of the data set have found them: https://github.com/mdeff/fma/issues/49.
FAULTS = _fma.faults(dict.fromkeys(
    (
        2624, 3284, 8669, 10116, 11583, 12838, 13529, 14116, 14180, 20814, 22554, 23429,
        23430, 23431, 25173, 25174, 25175, 25176, 25180, 29345, 29346, 29352, 29356, 33411,
        33413, 33414, 33417, 33418, 33419, 33425, 35725, 39363, 41745, 42986, 43753, 50594,
        50782, 53668, 54569, 54582, 61480, 61822, 63422, 63997, 72656, 72980, 73510, 80553,
        82699, 84503, 84504, 84522, 84524, 86656, 86659, 86661, 86664, 87057, 90244, 90245,
        90247, 90248, 90250, 90252, 90253, 90442, 90445, 91206, 92479, 94052, 94234, 95253,
        96203, 96207, 96210, 98105, 98562, 101265, 101272, 101275, 102241, 102243, 102247,
        102249, 102289, 106409, 106412, 106415, 106628, 108920, 109266, 110236, 115610,
        117441, 127928, 129207, 129800, 130328, 130748, 130751, 131545, 133641, 133647,
        134887, *range(140449, 140473), 142614, 144518, 144619, 145056, 146056, 147419,
        147424, *range(148786, 148796), 151920, 155051,
    ),
    "could not be opened",
)) | fma_medium.FAULTS  # fmt: skip


def fetch(root: Path, own: Path, metadata: Mapping[str, Path]) -> None:
    """See to it that metadata and audio are there, see `_fma.fetch`."""
    _fma.fetch(root, own, metadata, "large")


def tracks(files: Sequence[str], metadata: Mapping[str, Path]) -> pl.DataFrame:
    """Return a track each, see `_fma.tracks`."""
    return _fma.tracks(files, metadata, "large")
