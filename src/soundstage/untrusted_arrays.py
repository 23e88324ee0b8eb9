"""Arrays from safetensors files that nobody vouches for.

A file is compared with what it must hold before any of its arrays is read: the size of its header,
and each array's name, type and shape. So it takes no more memory than its own size, and only if it
is as large as what it claims to be.
"""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

LARGEST = 2**31  # bytes of a file
_ENTRY = 200  # bytes of the header that an array may take besides its name
_WORD = 8  # bytes that say how long the header is


class UntrustedFileError(Exception):
    """What is wrong with a file, as a phrase."""


def require(holds: Any, what: str) -> None:
    """Raise UntrustedFileError unless something holds of a file."""
    if not holds:
        raise UntrustedFileError(f"is damaged: {what}")


class Slot(NamedTuple):
    """What an array must be.

    `shape`: of each axis its length, or a name; axes of one name are equally long, and not empty.
    """

    dtype: np.dtype
    shape: tuple[int | str, ...]


def size(path: Path, largest: int) -> int:
    """Return a regular file's size in bytes.

    Raises
    ------
    UntrustedFileError
        It is something else, or larger than `largest`.
    FileNotFoundError
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise UntrustedFileError(f"{path.name} is not a file")
    if about.st_size > largest:
        raise UntrustedFileError(
            f"{path.name} has {about.st_size / 1e6:.1f} MB, where {largest / 1e6:.1f} are the most"
        )
    return about.st_size


def read(path: Path, layout: Mapping[str, Slot]) -> dict[str, np.ndarray]:
    """Return the arrays of a file, which must be those of `layout` and finite.

    Raises
    ------
    UntrustedFileError
        The file is damaged, too large, or holds something else.
    FileNotFoundError
    """
    length = size(path, LARGEST)
    with path.open("rb") as file:
        header = int.from_bytes(file.read(_WORD), "little")
    if header + _WORD > length or header > sum(len(name) + _ENTRY for name in layout):
        raise UntrustedFileError(f"{path.name} is damaged: a header of {header} bytes")
    try:
        # As tensors, which lie in the file: where memory for a copy lacks, numpy says so, but
        # safetensors, asked for arrays, does not come back.
        with safe_open(path, "pt") as opened:
            if other := sorted(set(opened.keys()) ^ layout.keys()):
                raise UntrustedFileError(
                    f"{path.name} {'lacks' if other[0] in layout else 'has an unknown'} {other[0]}"
                )
            lengths: dict[str, int] = {}
            for name, slot in layout.items():
                piece = opened.get_slice(name)
                found = piece.get_dtype(), tuple(piece.get_shape())
                if not _fits(found, slot, lengths):
                    raise UntrustedFileError(
                        f"{path.name}: {name} is {_words(*found)}, not "
                        f"{_words(_code(slot.dtype), slot.shape)}{_said(slot, lengths)}"
                    )
            arrays = {name: opened.get_tensor(name).numpy().copy() for name in layout}
    except SafetensorError as error:
        raise UntrustedFileError(f"{path.name} is damaged: {str(error)[:200]}") from error
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UntrustedFileError(f"{path.name}: {name} is not finite")
    return arrays


def _code(dtype: np.dtype) -> str:
    """Return the name of a type in a header: `F32`, `I64`."""
    return f"{dtype.kind}{8 * dtype.itemsize}".upper()


def _fits(found: tuple[str, tuple[int, ...]], slot: Slot, lengths: dict[str, int]) -> bool:
    """Compare an array with its slot; the first array with an axis of a name sets its length."""
    dtype, shape = found
    if dtype != _code(slot.dtype) or len(shape) != len(slot.shape):
        return False
    for n, wanted in zip(shape, slot.shape, strict=True):
        if isinstance(wanted, str):
            fine = n > 0 and lengths.setdefault(wanted, n) == n
        else:
            fine = n == wanted
        if not fine:
            return False
    return True


def _words(dtype: str, shape: tuple[int | str, ...]) -> str:
    return f"{dtype} ({', '.join(map(str, shape))})"


def _said(slot: Slot, lengths: Mapping[str, int]) -> str:
    """Say what the named axes of a slot must be."""
    named = [f"{n} = {lengths[n]}" for n in slot.shape if isinstance(n, str) and n in lengths]
    return f" with {', '.join(named)}" if named else ""
