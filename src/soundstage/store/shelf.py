"""The shelf: finished shards of one fingerprint, kept over runs.

It lies under the main checkout, so it outlives a stage's output folder (which DVC empties) and a
queued experiment's whole checkout. A shard's name states its prefix, its members, how many of them
are rejected, and the SHA-256 of its bytes, so that whole stores are looked up by names alone. A
shard that nobody asked for, of one row perhaps, is a source of rows all the same.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path

import psutil

from soundstage import fingerprint
from soundstage.errors import SoundstageError
from soundstage.regular import hexdigest
from soundstage.store import shards
from soundstage.store.description import Description
from soundstage.store.shards import Rejection, Row, Shard

# Reasons that may be the machine's and not the file's: tried again in every run.
TRANSIENT = {"timeout"}
FRESH = 3600  # seconds that a file may have been written to last by a process of another host


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex digits; OSError if it is no regular file."""
    return hexdigest(path, "sha256")


def said_sha256(shard: Path) -> str:
    """Return the SHA-256 that the name of a shard on a shelf states."""
    return shard.stem.rpartition("-")[2]


def said_rejected(shard: Path) -> int:
    """Return how many members are rejected, as the name of a shard on a shelf states."""
    return int(shard.stem.rsplit("-", 2)[1])


def in_use(shelf: Path) -> bool:
    """Tell whether a running build uses a shelf's folder."""
    return any(_alive(int(path.name.split(".")[1])) for path in shelf.glob(".*.build"))


def abandoned(temporary: Path) -> bool:
    """Tell whether a file with the number of its process in its name was left by a killed one.

    Of a name of another host, on a disk that is shared, the number says nothing here: what was
    written to in the last `FRESH` seconds is left alone.
    """
    owner = re.search(r"\.(\d+)\.", temporary.name)
    if not owner or _alive(int(owner[1])):
        return False
    try:
        return time.time() - temporary.stat().st_mtime > FRESH
    except FileNotFoundError:
        return False


class Shelf:
    """The finished shards of one fingerprint: a folder of `cache / "shards"`."""

    def __init__(self, cache: Path, description: Description) -> None:
        self.folder = cache / "shards" / description.fingerprint
        self.description = description
        self.folder.mkdir(parents=True, exist_ok=True)

    def __iter__(self) -> Iterator[Path]:
        return iter(sorted(self.folder.glob(f"[!.]*{self.description.suffix}")))

    def finished(self, parts: Mapping[str, Sequence[str]]) -> dict[str, Path]:
        """Return prefix -> shard of those parts that are here with exactly their members."""
        here = {path.name.rsplit("-", 2)[0]: path for path in self}
        stems = {prefix: _stem(prefix, members) for prefix, members in parts.items()}
        return {prefix: here[stem] for prefix, stem in stems.items() if stem in here}

    def rows(
        self, prefix: str, members: Iterable[str], *, transient: bool = False
    ) -> dict[str, Row | Rejection]:
        """Return what any shard here knows of some members; a damaged row is not known.

        Nor are rejections for a `TRANSIENT` reason, unless they are asked for.
        """
        members = set(members)
        known: dict[str, Row | Rejection] = {}
        for path in self:
            other = path.name.partition("-")[0].replace("all", "")
            if other.startswith(prefix) or prefix.startswith(other):
                # Not to be read, or gone meanwhile: `soundstage verify` says so.
                with contextlib.suppress(SoundstageError, OSError):
                    known |= _known(path, members - known.keys(), transient)
        return known

    def put(
        self, prefix: str, members: Sequence[str], known: Mapping[str, Row | Rejection]
    ) -> Path:
        """Write the shard of some members; return its path."""
        temporary = (
            self.folder / f".{os.getpid()}.{_stem(prefix, members)}{self.description.suffix}"
        )
        results = [known[key] for key in members]
        rejections = [result for result in results if isinstance(result, Rejection)]
        try:
            shards.write(
                temporary,
                [result for result in results if isinstance(result, Row)],
                rejections,
                dtype=self.description.dtype,
                axes=self.description.axes,
                columns=self.description.columns,
            )
            return self.adopt(temporary, prefix, members, rejections)
        finally:
            temporary.unlink(missing_ok=True)

    def adopt(
        self, shard: Path, prefix: str, members: Sequence[str], rejections: Sequence[Rejection]
    ) -> Path:
        """Move a shard's file here under its name, if it is not here yet; return its path."""
        stem = _stem(prefix, members)
        if any(rejection.reason in TRANSIENT for rejection in rejections):
            stem = f"{prefix or 'all'}-again"  # a source of rows, but no answer
        name = f"{stem}-{len(rejections)}-{sha256(shard)}{self.description.suffix}"
        path = self.folder / name
        return path if path.exists() else shard.rename(path)

    def sweep(self) -> None:
        """Remove what killed runs left half-written."""
        for path in self.folder.glob(".*"):
            if path.suffix != ".note" and abandoned(path):
                path.unlink(missing_ok=True)

    def in_hand(self, parent: int) -> list[str]:
        """Return the keys that workers of `parent`, which died, were computing; forget them.

        Whoever computes rows notes each key before it begins. An earlier build that had no
        workers and died itself counts too; one that was killed with its workers does not.
        """
        keys = set()
        for path in self.folder.glob(".*.note"):
            of, worker = map(int, path.name.split(".")[1:3])
            if of == parent or not _alive(of):
                if parent == of or of == worker:
                    keys.add(path.read_text("ascii"))
                path.unlink(missing_ok=True)
        return sorted(keys - {""})

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Let `soundstage gc` know, for the time of the block, that a build uses this shelf."""
        self.compiled(os.getpid()).unlink(missing_ok=True)  # of a process that had this number
        mark = self.folder / f".{os.getpid()}.build"
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)

    def compiled(self, parent: int) -> Path:
        """Return the file that is there once a build of `parent` has a first row."""
        return self.folder / f".{parent}.compiled"

    def note(self, parent: int) -> Path:
        """Return the file in which this process notes what it computes for a build of `parent`."""
        return self.folder / f".{parent}.{os.getpid()}.note"


def _stem(prefix: str, members: Sequence[str]) -> str:
    return f"{prefix or 'all'}-{fingerprint.digest(list(members))[:16]}"


def _known(path: Path, wanted: Set[str], transient: bool) -> dict[str, Row | Rejection]:
    """Return what a shard knows of some keys.

    Of a damaged file only such rows are known as have a checksum for all that is stored of them.
    """
    shard = Shard(path)
    found: dict[str, Row | Rejection] = {}
    if not wanted & {*shard.keys, *shard.rejections}:
        return found
    whole = sha256(path) == said_sha256(path)
    for key in wanted:
        if key in shard.rejections:
            if whole and (transient or shard.rejections[key].reason not in TRANSIENT):
                found[key] = shard.rejections[key]
        elif key in shard and (whole or (shard.intact(key) and not _said_of(shard))):
            found[key] = shard.row(key)
    return found


def _said_of(shard: Shard) -> bool:
    """Tell whether a shard says more of its rows than their checksums cover."""
    return bool(shard.attributes or shard.sources)


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
