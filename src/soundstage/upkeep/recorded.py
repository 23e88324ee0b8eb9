"""What DVC recorded of the last run: files, their MD5, and where its cache holds them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dvc.repo import Repo


@dataclass(frozen=True)
class Cached:
    """An object of DVC's cache: its file, the MD5 that its name states, and whose content it is.

    `path` is the file of the project, `out` the output of dvc.yaml that it belongs to; the listing
    of a folder's files is an object too, its `path` being the folder.
    """

    file: Path
    md5: str
    path: Path
    out: Path


def cached(repo: Repo) -> Iterator[Cached]:
    """Yield the objects of DVC's cache that dvc.lock refers to and that are there."""
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
