"""What DVC's cache holds: of the last run, with the files of the project, and of all others."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from dvc.repo import Repo

_OID = re.compile(r"[0-9a-f]{32}(\.dir)?")


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


def md5(path: Path) -> str:
    """Return the MD5 of a file's bytes, in hex digits."""
    with path.open("rb") as file:
        return file_digest(file, "md5").hexdigest()


def cached(repo: Repo) -> Iterator[Cached]:
    """Yield the objects of DVC's cache: those that dvc.lock refers to, then the others.

    Of a cache outside the project, which others may share, only the former.
    """
    known = set()
    for found in _of_lock(repo):
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
        file = Path(out.cache.oid_to_path(oid.value))
        if file.exists():
            yield Cached(file, oid.value, whole.joinpath(*parts), whole)
