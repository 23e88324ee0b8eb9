"""`soundstage verify`: is every byte of the store, its copies and the outputs as it was written?

The store and the shelf state the SHA-256 of each shard, DVC's cache the MD5 of each object, and
dvc.lock that of each output, cached or not. With hard links most of these are names of one file,
which is read once.
"""

import errno
import hashlib
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
from soundstage.upkeep.recorded import (
    LOCK,
    Cached,
    Recorded,
    cached,
    committed,
    committed_md5s,
    md5,
    project,
    recorded,
)


@dataclass(frozen=True)
class Claim:
    """What a file's bytes should hash to, and where that is said.

    `said_by` is `store`, `shelf`, `dvc` (its cache, see `cached`) or `lock` (see `recorded`).
    """

    path: Path
    said_by: str
    algorithm: str
    digest: str
    cached: Cached | None = None
    recorded: Recorded | None = None

    @property
    def subject(self) -> Path:
        """The file of the project that it is about, where it is one."""
        return (self.cached and self.cached.path) or self.path

    def holds(self) -> bool:
        """Read the file, and tell whether it is there and as claimed, each sector readable."""
        try:
            return (sha256 if self.algorithm == "sha256" else md5)(self.path) == self.digest
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (errno.EIO, errno.EINVAL):  # the disk's, or no regular file
                return False
            raise SoundstageError(f"{self.path}: cannot be read: {error.strerror}") from error

    def is_committed(self) -> bool:
        """Tell whether the last commit has the file as claimed."""
        content = committed(self.path) if self.recorded else None
        return content is not None and hashlib.md5(content).hexdigest() == self.digest

    def way_back(self) -> str:
        """Return what brings a damaged output back, and "" for what no stage's output is."""
        if not self.recorded:
            return ""
        if self.is_committed():
            return f"; `git checkout {self.path}` brings it back"
        made = f"`dvc repro {self.recorded.stage}`"
        if paths.STORE in self.path.parents:
            return f"; {made} makes it again"
        return f"; `soundstage repair` takes it from DVC's cache, or removes it for {made}"


@dataclass(frozen=True)
class Report:
    """What was read, and what is damaged.

    `lock` says what is wrong with dvc.lock, "" where nothing is: where DVC cannot read it, nothing
    was compared with what DVC records. `uncommitted` tells whether it is not the last commit's, as
    after every run that is not committed yet.
    """

    files: int
    size: int
    damaged: list[Claim]
    broken_indexes: list[Path]
    lock: str = ""
    uncommitted: bool = False

    @property
    def intact(self) -> bool:
        """Whether nothing is damaged."""
        return not (self.damaged or self.broken_indexes or self.lock)

    def lines(self) -> list[str]:
        """Return what was found, for people."""
        read = f"{self.files} files, {self.size / 1e6:.1f} MB read"
        notes = [
            f"{LOCK}: is not the last commit's; `git diff {LOCK}` says how, and `git checkout "
            f"{LOCK}` brings that back"
        ] * self.uncommitted
        if self.intact:
            return [f"{read}: all as written", *notes]
        found = {path: f"{path}: damaged" for path in self.broken_indexes}
        for claim in self.damaged:
            if claim.subject not in found:
                found[claim.subject] = f"{claim.subject}: damaged{_where(claim)}"
        lines = [*filter(None, [self.lock]), *found.values()]
        n = len(lines)
        return [*lines, *notes, f"{read}: {n} damaged; run `soundstage repair`"]


def features(store: Path) -> Iterator[Path]:
    """Yield the folders of a store."""
    yield from sorted(f for f in store.glob("[!.]*") if f.is_dir())


def _claims(store: Path, cache: Path) -> tuple[list[Claim], list[Path]]:
    """Return what the store and the shelf say, and the indexes that say nothing any more."""
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
    return found, broken


def _claims_of_dvc(repo: Repo) -> Iterator[Claim]:
    for output in recorded(repo):
        yield Claim(output.path, "lock", "md5", output.md5, recorded=output)
    for object_ in cached(repo):
        yield Claim(object_.file, "dvc", "md5", object_.md5, cached=object_)


def _identity(path: Path) -> tuple[int, int] | Path:
    """Return what the names of one file have in common."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return path
    return status.st_dev, status.st_ino


def verify(store: Path = paths.STORE, cache: Path | None = None) -> Report:
    """Read everything that states a checksum, and compare."""
    claims, broken = _claims(store, cache or paths.kept())
    lock = ""
    try:
        with project() as repo:
            claims += _claims_of_dvc(repo)
    except SoundstageError as error:
        lock = str(error)
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
    said = committed(LOCK)
    uncommitted = said is not None and LOCK.exists() and LOCK.read_bytes() != said
    if uncommitted and not lock:
        damaged, lock = _blame(damaged)
    return Report(len(files), size, damaged, broken, lock, uncommitted)


def _blame(damaged: list[Claim]) -> tuple[list[Claim], str]:
    """Take dvc.lock's claims on outputs out that are as the last commit's dvc.lock records them.

    Return the others, and what is then wrong with dvc.lock.
    """
    before = committed_md5s()
    wrong = {
        claim.path
        for claim in damaged
        if claim.recorded and claim.path in before and _is(claim.path, before[claim.path])
    }
    if not wrong:
        return damaged, ""
    others = [claim for claim in damaged if not (claim.recorded and claim.path in wrong)]
    return others, (
        f"{LOCK}: records other bytes of {', '.join(map(str, sorted(wrong)))} than are here and in "
        f"the last commit's; run `git checkout {LOCK}`"
    )


def _is(path: Path, digest: str) -> bool:
    try:
        return md5(path) == digest
    except OSError:
        return False


def _where(claim: Claim) -> str:
    if not claim.path.exists():
        return f" (gone){claim.way_back()}"
    if claim.said_by == "dvc" and claim.subject != claim.path:
        return f" in DVC's cache ({claim.path})"
    if claim.said_by != "store":
        return claim.way_back()
    try:
        shard = Shard(claim.path)
        rows = [key for key in shard.keys if not shard.intact(key)]
    except SoundstageError:
        return " (not readable)"
    return f" (rows of {', '.join(rows)})" if rows else " (beside its rows)"
