"""Reading the store: `open` a folder, take a feature by name, take a clip by name."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import polars as pl

from soundstage import untrusted_parquet
from soundstage.errors import SoundstageError
from soundstage.registry import nearest
from soundstage.store.description import read_index
from soundstage.store.partition import shard_of
from soundstage.store.rows import KEY_LENGTH, Rejection, are_hex
from soundstage.store.shards import Shard


class Feature:
    """One folder of the store, a waveform or a feature: clip -> array.

    Indexing takes a track's name or a content hash and returns a read-only array with the axes,
    dtype and unit that `index` states. A clip that is missing is an error that says why; `in` tells
    whether there is an array, and iteration gives the content hashes of those that have one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.index: Mapping[str, Any] = read_index(folder / "index.json")
        except FileNotFoundError:
            raise SoundstageError(f"{folder}: holds no index.json; run `dvc repro`") from None
        self._entries = {entry["prefix"]: entry for entry in self.index["shards"]}
        self._open: dict[str, Shard] = {}

    def __repr__(self) -> str:
        axes = ", ".join(self.index["axes"])
        name, dtype, unit = (self.index[field] for field in ("name", "dtype", "unit"))
        return f"<{name}: {len(self)} clips, {dtype} ({axes}), {unit}>"

    def __len__(self) -> int:
        """Return the number of rows: clips with equal bytes share one."""
        return sum(entry["rows"] for entry in self.index["shards"])

    @property
    def prefixes(self) -> list[str]:
        """The prefixes of its shards, sorted."""
        return list(self._entries)

    def shard(self, prefix: str) -> Shard:
        """Return an open shard by its prefix; SoundstageError if it is not as the index says."""
        if prefix not in self._open:
            entry = self._entries[prefix]
            shard = Shard(self.folder / entry["file"], entry["sha256"])
            members = shard.members()
            suits = shard.suits(self.index["dtype"], self.index["axes"], self.index["columns"])
            counts = len(members) - shard.n_rejected, shard.n_rejected
            if (
                not suits
                or counts != (entry["rows"], entry["rejected"])
                or any(shard_of(key, {prefix}) is None for key in members)
            ):
                raise SoundstageError(
                    f"{shard.path}: damaged, or another shard than its folder's index lists; run "
                    "`soundstage repair`"
                )
            self._open[prefix] = shard
        return self._open[prefix]

    def shards(self) -> Iterator[Shard]:
        """Yield every shard, in order of prefix."""
        return (self.shard(prefix) for prefix in self._entries)

    def shard_of(self, key: str) -> Shard:
        """Return the shard that accounts for a content hash."""
        prefix = shard_of(key, self._entries)
        if prefix is None:
            raise SoundstageError(f"{self.folder}: no shard for {key}; run `dvc repro`")
        return self.shard(prefix)

    def accounts_for(self, key: str) -> bool:
        """Tell whether it has a row for a content hash, or a reason why there is none."""
        prefix = shard_of(key, self._entries)
        if prefix is None:
            return False
        shard = self.shard(prefix)
        return key in shard or key in shard.rejections

    def __contains__(self, clip: str) -> bool:
        """Tell whether a clip has an array, by track name or content hash."""
        key = self._tracks.get(clip, clip)
        return _is_hash(key) and self.accounts_for(key) and key in self.shard_of(key)

    def __iter__(self) -> Iterator[str]:
        return (key for shard in self.shards() for key in shard.keys)

    @cached_property
    def _tracks(self) -> dict[str, str | None]:
        tracks = self.folder.parent.parent / "tracks.parquet"
        if not tracks.exists():
            return {}
        return dict(untrusted_parquet.read(tracks, columns=("track", "key"))[0].iter_rows())

    def __getitem__(self, clip: str) -> np.ndarray:
        """Return a clip's array by track name (`blues.00000`) or content hash."""
        key = self._tracks.get(clip, clip)
        if key is None:
            raise SoundstageError(f"{clip}: the track has no file that can be read")
        if not _is_hash(key):
            raise SoundstageError(f"no track {clip!r}; {nearest(clip, self._tracks)}")
        shard = self.shard_of(key)
        if key in shard:
            return shard.array(key)
        if key not in shard.rejections:
            raise SoundstageError(f"{clip}: not in {self.folder}; run `dvc repro`")
        rejection = shard.rejections[key]
        raise SoundstageError(f"{clip}: quarantined ({rejection.reason}): {rejection.message}")

    def members(self) -> list[str]:
        """Return the content hashes that it accounts for, those without a row included."""
        return sorted(key for shard in self.shards() for key in shard.members())

    def table(self) -> pl.DataFrame:
        """Return a row a clip: its key, shape, checksum and what was measured along with it."""
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "key": pl.String,
            "shape": pl.List(pl.Int64),
            "checksum": pl.String,
        }
        parts = [
            pl.DataFrame(
                {"key": s.keys, "shape": s.shapes, "checksum": s.checksums, **s.attributes},
                schema_overrides=schema,
            )
            for s in self.shards()
        ]
        return pl.concat([pl.DataFrame(schema=schema), *parts], how="diagonal").sort("key")

    def rejections(self) -> dict[str, Rejection]:
        """Return content hash -> why it has no row."""
        return {key: why for shard in self.shards() for key, why in shard.rejections.items()}


def _is_hash(key: str | None) -> TypeGuard[str]:
    return key is not None and are_hex([key], KEY_LENGTH)


class Store(Mapping[str, Feature]):
    """A folder of features, by name."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise SoundstageError(f"{folder}: no such folder; run `dvc repro` to build the store")
        self.folder = folder
        self._opened: dict[str, Feature] = {}

    def __getitem__(self, name: str) -> Feature:
        """Open a feature or waveform by name."""
        if name not in self._opened:
            if name not in set(self):
                raise SoundstageError(f"{self.folder}: no {name!r}; {nearest(name, self)}")
            self._opened[name] = Feature(self.folder / name)
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(f.parent.name for f in self.folder.glob("*/index.json")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<store {self.folder}: {', '.join(self) or 'empty'}>"


def open_store(folder: str | Path) -> Store:
    """Open a store, e.g. `data/store`. Reads `index.json` files only, each when it is asked for."""
    return Store(Path(folder))
