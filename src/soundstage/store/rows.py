"""What a shard holds of each member: a row, or the reason why it has none."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import hexdigits

import numpy as np

from soundstage import paged

FORMAT = 1
KEY_LENGTH = 32  # hex digits of a content hash
CHECKSUM_LENGTH = 16  # hex digits of a row's checksum
OWN_COLUMNS = ("key", "checksum", "source")  # of a Parquet shard, before those of the feature
DTYPES = frozenset(f"{kind}{8 * size}" for kind in ("int", "uint") for size in (1, 2, 4, 8)) | {
    "bool",
    "float16",
    "float32",
    "float64",
}


@dataclass(frozen=True)
class Row:
    """One clip's array and the scalars measured along with it.

    `source` says whose numbers they are where they came with a data set, and is "" for our own.
    """

    key: str
    array: np.ndarray
    attributes: Mapping[str, float] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Rejection:
    """Why a member has no row: a reason code and a sentence."""

    key: str
    reason: str
    message: str


def checksum(array: np.ndarray) -> str:
    """Return the 16 hex digits of a row's BLAKE2b-64, over its bytes in C order."""
    found = hasher()
    for some in paged.blocks(array) if array.ndim else [...]:
        found.update(np.ascontiguousarray(array[some]).data)
    return found.hexdigest()


def digest(content: memoryview) -> str:
    """Return the 16 hex digits of the BLAKE2b-64 of some bytes."""
    found = hasher()
    found.update(content)
    return found.hexdigest()


def hasher() -> hashlib.blake2b:
    """Return what makes a row's checksum of its bytes, given one block after the other."""
    return hashlib.blake2b(digest_size=CHECKSUM_LENGTH // 2)


def raw(array: np.ndarray) -> memoryview:
    """Return the bytes of a C-contiguous array, to be written to."""
    return array.reshape(-1).view(np.uint8).data


def are_hex(texts: Sequence[str], length: int) -> bool:
    """Tell whether each of some texts is so many hex digits, in lower case."""
    digits = set("".join(texts)) <= set(hexdigits.lower())
    return digits and all(len(text) == length for text in texts)


def rejections_json(rejections: Sequence[Rejection]) -> bytes:
    """Return rejections as a shard holds them."""
    listed = [[r.key, r.reason, r.message] for r in sorted(rejections, key=lambda r: r.key)]
    return json.dumps(listed, ensure_ascii=False).encode()


def read_rejections(text: bytes) -> dict[str, Rejection]:
    """Return key -> rejection; ValueError if the text is not as `rejections_json` writes it."""
    listed = json.loads(text)
    if not all(isinstance(word, str) for entry in listed for word in entry):
        raise ValueError("a rejection is no text")
    return {key: Rejection(key, reason, message) for key, reason, message in listed}
