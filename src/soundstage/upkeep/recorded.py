"""What DVC says of bytes: dvc.lock of the project's outputs, and its cache of each object."""

import hashlib
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from soundstage.errors import SoundstageError
from soundstage.regular import hexdigest

_OID = re.compile(r"[0-9a-f]{32}(\.dir)?")
LOCK = Path("dvc.lock")


@dataclass(frozen=True)
class Cached:
    """An object of DVC's cache: its file, the MD5 that its name states, and whose content it is.

    `path` is the file of the project, `out` the output of dvc.yaml that it belongs to; the listing
    of a folder's files is an object too, its `path` being the folder. An object that dvc.lock does
    not refer to, as of another commit, has neither.
    """

    file: Path
    md5: str
    path: Path | None = None
    out: Path | None = None


@dataclass(frozen=True)
class Recorded:
    """A file of the project that dvc.lock records: its path and MD5, and the stage that makes it.

    Where the files of a folder are not recorded one by one it is the folder, with DVC's own MD5 of
    such, which ends in `.dir`. `copy` is where DVC's cache keeps the file, if it does.
    """

    path: Path
    md5: str
    stage: str
    copy: Path | None = None


@contextmanager
def project() -> Iterator[Repo]:
    """Yield the project as DVC sees it; SoundstageError if DVC cannot read it."""
    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        said = " ".join(str(error.__cause__ or error).split())
        name = LOCK if LOCK.name in str(error) else Path("dvc.yaml")
        raise SoundstageError(
            f"{name}: cannot be read by DVC ({said}); run `git checkout {name}`"
        ) from error


def md5(path: Path) -> str:
    """Return the MD5 of a file's bytes, in hex digits, or of a folder as DVC reckons it.

    OSError if it is neither a regular file nor a folder.
    """
    if not path.is_dir():
        return hexdigest(path, "md5")
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree = Tree()
    for file in sorted(path.rglob("*")):
        if not file.is_dir():
            tree.add(file.relative_to(path).parts, None, HashInfo("md5", hexdigest(file, "md5")))
    return hashlib.md5(tree.as_bytes()).hexdigest() + ".dir"


def committed(path: Path) -> bytes | None:
    """Return the content that the last commit has of a file of the project, None if it has none."""
    command = ["git", "show", f"HEAD:./{path.as_posix()}"]
    shown = subprocess.run(command, capture_output=True, check=False)
    return None if shown.returncode else shown.stdout


def committed_md5s() -> dict[Path, str]:
    """Return output -> the MD5 that the last commit's dvc.lock has of it."""
    try:
        lock = YAML(typ="safe", pure=True).load((committed(LOCK) or b"").decode()) or {}
        outs = [out for stage in lock["stages"].values() for out in stage.get("outs", ())]
        return {Path(out["path"]): out["md5"] for out in outs}
    except (YAMLError, UnicodeDecodeError, LookupError, AttributeError, TypeError):
        return {}


def recorded(repo: Repo) -> Iterator[Recorded]:
    """Yield what dvc.lock records of those outputs that are here."""
    for out in repo.index.outs:
        whole = Path(out.fs_path).relative_to(repo.root_dir)
        if not out.hash_info or not whole.exists():
            continue
        said, stage = out.hash_info.value, out.stage.addressing
        own = Path(out.cache.oid_to_path(said)) if out.use_cache else None
        listed = own and out.hash_info.isdir and own.exists() and f"{md5(own)}.dir" == said
        if not listed:
            yield Recorded(whole, said, stage, own)
            continue
        for member in _members(out, whole):
            yield Recorded(member.path or whole, member.md5, stage, member.file)


def cached(repo: Repo) -> Iterator[Cached]:
    """Yield the objects of DVC's cache: those that dvc.lock refers to, then the others.

    Of a cache outside the project, which others may share, only the former.
    """
    known = set()
    for found in _of_lock(repo):
        if found.file.exists():
            known.add(found.file)
            yield found
    cache = repo.cache.local
    if Path(cache.path).is_relative_to(repo.root_dir):
        for oid in cache.all():
            file = Path(cache.oid_to_path(oid))
            if file not in known and _OID.fullmatch(oid):  # others are being written
                yield Cached(file, oid.removesuffix(".dir"))


def _of_lock(repo: Repo) -> Iterator[Cached]:
    for out in repo.index.outs:
        if not out.use_cache or not out.hash_info:
            continue
        whole = Path(out.fs_path).relative_to(repo.root_dir)
        own = Path(out.cache.oid_to_path(out.hash_info.value))
        if not own.exists():
            continue
        yield Cached(own, out.hash_info.value.removesuffix(".dir"), whole, whole)
        if out.hash_info.isdir:
            yield from _members(out, whole)


def _members(out, whole: Path) -> Iterator[Cached]:  # type: ignore[no-untyped-def]  # DVC's own
    from dvc_objects.errors import ObjectFormatError

    try:
        listing = list(out.get_obj() or ())
    except (ObjectFormatError, ValueError, KeyError):
        return  # the listing is damaged, which its MD5 tells
    for parts, _, oid in listing:
        yield Cached(
            Path(out.cache.oid_to_path(oid.value)), oid.value, whole.joinpath(*parts), whole
        )
