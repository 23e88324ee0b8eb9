"""What a folder of the store says of itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from soundstage import fingerprint
from soundstage.errors import SoundstageError
from soundstage.regular import open_regular
from soundstage.store.rows import DTYPES, FORMAT, are_hex
from soundstage.store.shards import suffix

_LARGEST = 2**26  # bytes of an index: of half a million shards


@dataclass(frozen=True)
class Description:
    """What `index.json` says of a waveform or feature, but for its shards.

    `axes` name the dimensions of a row, `columns` the entries of its last one if they have names;
    `sample_rate` is that of the waveform in Hz, `hop_length` the samples between frames where
    there are frames; `code` holds the digest of each file of code that shapes the numbers.
    """

    name: str
    kind: str
    source: str
    source_fingerprint: str
    parameters: Mapping[str, Any]
    code: Mapping[str, str]
    libraries: Mapping[str, str]
    axes: Sequence[str]
    dtype: str
    unit: str
    sample_rate: int
    hop_length: int | None = None
    columns: Sequence[str] = ()

    @cached_property
    def fingerprint(self) -> str:
        """The hash of all that shapes the numbers: equal fingerprints mean equal numbers."""
        parts = (self.parameters, self.code, self.libraries)
        return fingerprint.digest([FORMAT, self.source_fingerprint, *map(dict, parts)])

    @property
    def suffix(self) -> str:
        """The ending of its shards' names."""
        return suffix(self.axes)

    def index(self, shards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the content of `index.json`; its last entry is the checksum of the others."""
        content = {"format": FORMAT, **asdict(self), "fingerprint": self.fingerprint}
        content["shards"] = list(shards)
        return content | {"checksum": fingerprint.digest(content)}


def intact(index: Mapping[str, Any]) -> bool:
    """Tell whether the content of an `index.json` has the checksum that it states."""
    content = dict(index)
    return content.pop("checksum", None) == fingerprint.digest(content)


def read_index(path: Path) -> dict[str, Any]:
    """Read an `index.json`, whose shards then lie beside it.

    Raises
    ------
    FileNotFoundError
        There is none.
    SoundstageError
        It cannot be read, is damaged, of another format, or says what no index says.
    """
    try:
        with open_regular(path) as file:
            text = file.read(_LARGEST + 1)
        index = json.loads(text) if len(text) <= _LARGEST else {}
        whole = isinstance(index, dict) and intact(index)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SoundstageError(f"{path}: {error.strerror}; run `soundstage repair`") from error
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise SoundstageError(f"{path}: damaged; run `soundstage repair`")
    if index.get("format") != FORMAT:
        raise SoundstageError(
            f"{path.parent}: format {index.get('format')}, and this soundstage reads {FORMAT}; "
            "rebuild it with `dvc repro`"
        )
    if strange := _strange(index):
        raise SoundstageError(f"{path}: {strange}; rebuild the folder with `dvc repro`")
    return index


_TEXTS = ("name", "kind", "source", "source_fingerprint", "dtype", "unit", "fingerprint")
_TABLES = ("parameters", "code", "libraries")
_LISTS = ("axes", "columns")
_SHARD = {"file", "prefix", "rows", "rejected", "sha256"}


def _strange(index: Mapping[str, Any]) -> str:
    """Return what an index says that none written here would, and "" where there is nothing."""
    for kind, fields in ((str, _TEXTS), (dict, _TABLES), (list, (*_LISTS, "shards"))):
        if wrong := [name for name in fields if not isinstance(index.get(name), kind)]:
            return f"its {wrong[0]!r} is missing, or of another kind"
    if not all(isinstance(word, str) for name in _LISTS for word in index[name]):
        return "an axis or column has no name"
    if not all(isinstance(index.get(name), int | None) for name in ("sample_rate", "hop_length")):
        return "its rates are no numbers"
    if index["dtype"] not in DTYPES:
        return f"its rows are of {index['dtype']!r}"
    entries, ending = index["shards"], suffix(index["axes"])
    if not all(isinstance(e, dict) and e.keys() == _SHARD and _lists(e, ending) for e in entries):
        return "a shard has another name than its prefix gives it, or lacks a number"
    if len({entry["prefix"] for entry in entries}) != len(entries):
        return "two shards have one prefix"
    return ""


def _lists(entry: Mapping[str, Any], ending: str) -> bool:
    """Tell whether an entry of an index lists a shard, under the name of its prefix."""
    prefix, sha256 = entry["prefix"], entry["sha256"]
    if not (isinstance(prefix, str) and set(prefix) <= {"0", "1"} and isinstance(sha256, str)):
        return False
    counts = entry["rows"], entry["rejected"]
    return (
        entry["file"] == file_name(prefix, ending)
        and are_hex([sha256], 64)
        and all(type(n) is int and n >= 0 for n in counts)
    )


def file_name(prefix: str, ending: str) -> str:
    """Return the name of the shard of a prefix."""
    return f"{prefix or 'all'}{ending}"
