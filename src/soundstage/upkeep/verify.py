"""`soundstage verify`: is every byte of the store, the shelf and DVC's cache as it was written?

The store and the shelf state the SHA-256 of each shard, DVC's cache the MD5 of each object. With
hard links all three are names of one file, which is read once.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import joblib
from dvc.repo import Repo

from soundstage import paths, stage
from soundstage.errors import SoundstageError
from soundstage.progress import progress
from soundstage.store.read import Feature
from soundstage.store.shards import Shard
from soundstage.store.shelf import said_sha256, sha256
from soundstage.upkeep.recorded import Cached, cached, md5


@dataclass(frozen=True)
class Claim:
    """What a file's bytes should hash to, and where that is said: `store`, `shelf` or `dvc`."""

    path: Path
    said_by: str
    algorithm: str
    digest: str
    cached: Cached | None = None

    def holds(self) -> bool:
        """Read the file, and tell whether it is there and as claimed, each sector readable."""
        try:
            return (sha256 if self.algorithm == "sha256" else md5)(self.path) == self.digest
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno == errno.EIO:
                return False
            raise SoundstageError(f"{self.path}: cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class Report:
    """What was read, and what is damaged."""

    files: int
    size: int
    damaged: list[Claim]
    broken_indexes: list[Path]

    @property
    def intact(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged and not self.broken_indexes

    def lines(self) -> list[str]:
        """Return what was found, for people."""
        read = f"{self.files} files, {self.size / 1e6:.1f} MB read"
        if self.intact:
            return [f"{read}: all as written"]
        found = [f"{path}: damaged" for path in self.broken_indexes]
        for claim in self.damaged:
            found.append(f"{claim.path}: damaged{_where(claim)}")
        return [*found, f"{read}: {len(found)} damaged; run `soundstage repair`"]


def features(store: Path) -> Iterator[Path]:
    """Yield the folders of a store."""
    yield from sorted(f for f in store.glob("[!.]*") if f.is_dir())


def _claims(store: Path, cache: Path, repo: Repo) -> tuple[list[Claim], list[Path]]:
    found, broken = [], []
    for folder in features(store):
        try:
            index = Feature(folder).index
        except SoundstageError:
            broken.append(folder / "index.json")
            continue
        found += [
            Claim(folder / entry["file"], "store", "sha256", entry["sha256"])
            for entry in index["shards"]
        ]
    for shard in sorted((cache / "shards").glob("*/[!.]*")):
        found.append(Claim(shard, "shelf", "sha256", said_sha256(shard)))
    found += [Claim(c.file, "dvc", "md5", c.md5, c) for c in cached(repo)]
    return found, broken


def _identity(path: Path) -> tuple[int, int] | Path:
    """Return what the names of one file have in common."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return path
    return status.st_dev, status.st_ino


def verify(store: Path = paths.STORE, cache: Path | None = None) -> Report:
    """Read everything that states a checksum, and compare."""
    with Repo() as repo:
        claims, broken = _claims(store, cache or paths.kept(), repo)
    # Of the names of one file the first is read: a file that is a shard as claimed is, under
    # DVC's name, what DVC took it for.
    files = {_identity(claim.path): claim for claim in reversed(claims)}
    size = sum(claim.path.stat().st_size for claim in files.values() if claim.path.exists())

    def check(identity: tuple[int, int] | Path) -> tuple[int, int] | Path | None:
        return None if files[identity].holds() else identity

    work = joblib.Parallel(stage.jobs(), backend="threading", return_as="generator_unordered")
    wrong = set()
    with progress("verify", len(files), "files") as bar:
        for identity in work(joblib.delayed(check)(identity) for identity in files):
            wrong.add(identity)
            bar.update(1)
    damaged = [claim for claim in claims if _identity(claim.path) in wrong]
    return Report(len(files), size, damaged, broken)


def _where(claim: Claim) -> str:
    if claim.said_by != "store":
        return ""
    if not claim.path.exists():
        return " (gone)"
    try:
        shard = Shard(claim.path)
        rows = [key for key in shard.keys if not shard.intact(key)]
    except SoundstageError:
        return " (not readable)"
    return f" (rows of {', '.join(rows)})" if rows else " (beside its rows)"
