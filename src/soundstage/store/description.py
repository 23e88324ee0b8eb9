"""What a folder of the store says of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from soundstage import fingerprint
from soundstage.store.shards import FORMAT, suffix


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
