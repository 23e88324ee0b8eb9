"""Shards: the files of the store. FORMAT.md describes them for readers in any language.

A shard accounts for every one of its members (content hashes): a row, or a reason why there is
none. Rows differ in length, so an HDF5 shard holds one flat dataset with an offset and a shape a
row; rows of named columns go to Parquet. Members are sorted and nothing in the bytes depends on
the time, so equal rows give equal files.
"""

import math
import os
from collections.abc import Container, Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from soundstage import paged
from soundstage.errors import SoundstageError
from soundstage.files import whole_or_not_at_all, write_bytes
from soundstage.regular import open_regular
from soundstage.store import hdf5, parquet
from soundstage.store.reserved import reserved
from soundstage.store.rows import KEY_LENGTH, OWN_COLUMNS, Rejection, Row, checksum, raw
from soundstage.store.values import Rows, Sure, Values, checked
from soundstage.untrusted_parquet import DAMAGE

__all__ = ["KEY_LENGTH", "Rejection", "Row", "Shard", "checksum", "raw", "suffix", "write"]

# A file of so many bytes is compared as a whole when it is opened: that takes a millisecond.
SMALL = 2**20
_MORE = 2**20  # bytes of a shard beside its values


def suffix(axes: Sequence[str]) -> str:
    """Return the ending of a shard's name: rows of named columns go to Parquet, others to HDF5."""
    return ".parquet" if tuple(axes) == ("column",) else ".h5"


def write(
    path: Path,
    rows: Sequence[Row],
    rejections: Sequence[Rejection],
    *,
    dtype: str,
    axes: Sequence[str],
    columns: Sequence[str] = (),
) -> None:
    """Write a shard: Parquet when a row is one line of named `columns`, else HDF5.

    Every row has `len(axes)` dimensions and the given dtype, and no column is named as one of
    `OWN_COLUMNS`; ValueError otherwise.
    """
    taken = set(columns) & set(OWN_COLUMNS) if suffix(axes) == ".parquet" else set()
    if taken:
        raise ValueError(f"a shard has columns of its own named {sorted(taken)}; choose others")
    rows = sorted(rows, key=lambda row: row.key)
    for row in rows:
        if row.array.ndim != len(axes) or row.array.dtype != dtype:
            raise ValueError(
                f"{row.key}: expected {dtype} with axes {tuple(axes)}, "
                f"got {row.array.dtype} of shape {row.array.shape}"
            )
    if suffix(axes) == ".parquet":
        write_bytes(path, parquet.write(rows, rejections, dtype, columns))
        return
    size = sum(row.array.nbytes for row in rows)
    if size < paged.LARGE:
        content = BytesIO()
        hdf5.write(content, rows, rejections, dtype, len(axes))
        write_bytes(path, content.getbuffer())
        return
    with whole_or_not_at_all(path, size) as temporary, reserved(temporary, size + _MORE) as file:
        hdf5.write(file, rows, rejections, dtype, len(axes))


class Shard:
    """An open shard, read-only.

    `keys` are the sorted content hashes of its rows, `shapes` their shapes, `starts` where each
    begins among the shard's values, `checksums` theirs, `attributes` name -> (rows,) float64,
    `sources` key -> whose numbers a row holds, of those that came with a data set, `rejections` key
    -> why a member has no row.
    Values are read when they are asked for; no file stays open.

    What is handed out has been checked. A row's values are compared with its checksum. All else has
    none: where the file's `sha256` is known, as an index says it, the whole file is compared with
    it. Parquet, and a file up to `SMALL`, is compared when it is opened; any other when something
    is asked for that a row's checksum does not tell: `keys`, `rejections`, `sources`, `attributes`,
    `row`.

    Raises
    ------
    SoundstageError
        The file is no shard, or is damaged.
    """

    def __init__(self, path: Path, sha256: str = "") -> None:
        self.path, self._sha256 = path, sha256
        try:
            with open_regular(path) as file:
                status = os.fstat(file.fileno())
                stored = file.read() if path.suffix == ".parquet" else b""
            self._checked = checked(status)
            if stored or status.st_size <= SMALL:
                self._see_that_it_is_whole()
            is_table = path.suffix == ".parquet"
            content = parquet.read(stored) if is_table else hdf5.read(path, status)
        except DAMAGE as error:
            said = " ".join(str(error).split())
            raise SoundstageError(
                f"{path}: not a readable shard ({said}); run `soundstage repair`"
            ) from error
        self._content = content
        self._checked.rows = self._checked.rows or bytearray(len(content.keys) + 1)
        self.checksums, self.shapes, self.starts = content.checksums, content.shapes, content.starts
        self.dtype, self.n_rejected = content.dtype, len(content.rejections)
        ends = [n + math.prod(shape) for n, shape in zip(self.starts, self.shapes, strict=True)]
        self._rows = Rows(
            path, self.dtype, content.keys, self.starts, ends, self.checksums, self._checked
        )
        self._position = {key: i for i, key in enumerate(content.keys)}

    def _see_that_it_is_whole(self) -> None:
        try:
            if not self._sha256 or self._checked.is_whole(self.path, self._sha256):
                return
        except OSError as error:
            raise SoundstageError(
                f"{self.path}: {error.strerror}; run `soundstage repair`"
            ) from error
        raise SoundstageError(
            f"{self.path}: damaged, or not the file that its folder's index lists; run "
            "`soundstage repair`"
        )

    @property
    def keys(self) -> list[str]:
        """The content hashes of its rows, sorted."""
        self._see_that_it_is_whole()
        return self._content.keys

    @property
    def rejections(self) -> Mapping[str, Rejection]:
        """Content hash -> why a member has no row."""
        if self._content.rejections:
            self._see_that_it_is_whole()
        return self._content.rejections

    @property
    def attributes(self) -> Mapping[str, np.ndarray]:
        """Name -> (rows,) float64, what was measured along with the rows."""
        if self._content.attributes:
            self._see_that_it_is_whole()
        return self._content.attributes

    @property
    def sources(self) -> dict[str, str]:
        """Content hash -> whose numbers a row holds, of those that came with a data set."""
        if self._content.sources:
            self._see_that_it_is_whole()
        pairs = zip(self._content.keys, self._content.sources, strict=bool(self._content.sources))
        return {key: source for key, source in pairs if source}

    def suits(self, dtype: str, axes: Sequence[str], columns: Sequence[str]) -> bool:
        """Tell whether its rows are of a dtype, with such axes and columns."""
        named = list(columns) if suffix(axes) == ".parquet" else []
        said = self._content.dtype.name, self._content.n_axes, self._content.columns
        return said == (dtype, len(axes), named)

    def members(self) -> list[str]:
        """Return the content hashes that it accounts for, in no order.

        The file is not compared for it: a hash that is damaged here is missed where it is needed.
        """
        return [*self._content.keys, *self._content.rejections]

    def __contains__(self, key: str) -> bool:
        """Tell whether a content hash has a row here."""
        return key in self._position

    def position(self, key: str) -> int:
        """Return the index of a key's row; KeyError if it has none."""
        return self._position[key]

    def values(self) -> Values:
        """Open the values for reading; SoundstageError if the file is gone or was replaced."""
        return self._content.open_values(self._rows)

    def values_of(self, keys: Container[str]) -> Sure:
        """Open the values for reading those of some rows over and over; they are checked first.

        SoundstageError if one of them is damaged. Keys that have no row here are passed over.
        """
        values = self.values()
        for key, i in self._position.items():
            if key in keys:
                values.check(i)
        return Sure(values.read)

    def array(self, key: str) -> np.ndarray:
        """Return a key's row as a read-only array; SoundstageError if its bytes are damaged."""
        i = self._position[key]
        if math.prod(self.shapes[i]):
            array = self.values().row(i).reshape(self.shapes[i])
        else:  # the checksum of no bytes says nothing of their shape
            self._see_that_it_is_whole()
            array = np.empty(self.shapes[i], self.dtype)
        array.flags.writeable = False
        return array

    def intact(self, key: str) -> bool:
        """Tell whether a key's row has the bytes that it was written with, reading it anew."""
        return self.values().intact(self._position[key])

    def row(self, key: str) -> Row:
        """Return a key's row with its attributes; SoundstageError if its bytes are damaged."""
        i = self._position[key]
        self._see_that_it_is_whole()  # what is made of a row is to look intact only if it is
        attributes = {name: float(v[i]) for name, v in self._content.attributes.items()}
        return Row(key, self.array(key), attributes, (self._content.sources or {i: ""})[i])
