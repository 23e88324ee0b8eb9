"""`soundstage gc`: shards that no commit or experiment needs, and what killed runs left behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from soundstage import paths
from soundstage.descriptions import describe
from soundstage.errors import SoundstageError
from soundstage.params import Params
from soundstage.store.description import read_index
from soundstage.store.read import Feature
from soundstage.store.shelf import in_use, said_sha256
from soundstage.upkeep.leftovers import Leftover, leftovers
from soundstage.upkeep.recorded import md5, project


@dataclass(frozen=True)
class Unneeded:
    """A shelf's shards that nothing needs: the fingerprint, the files and their bytes."""

    fingerprint: str
    shards: list[Path]

    @property
    def size(self) -> int:
        """Bytes of the shards."""
        return sum(path.stat().st_size for path in self.shards)

    @property
    def freed(self) -> int:
        """Bytes that the disk gains: those that neither the store nor DVC's cache links to."""
        return sum(s.st_size for path in self.shards if (s := path.stat()).st_nlink == 1)

    def remove(self) -> None:
        """Remove the shards, and the shelf if it is empty afterwards, unless a run uses it now."""
        folder = self.shards[0].parent
        if in_use(folder):
            print(f"{self.fingerprint[:12]}: a run uses it now")
            return
        for path in self.shards:
            path.unlink(missing_ok=True)
        if not any(folder.glob("[!.]*")):
            for stray in folder.iterdir():
                stray.unlink()
            folder.rmdir()


Names = set[tuple[str, str]]  # of shards: fingerprint and SHA-256


def _listed(index: Mapping[str, Any]) -> Names:
    return {(index["fingerprint"], entry["sha256"]) for entry in index["shards"]}


def _committed(repo: Repo) -> tuple[Names, int]:
    """Return the shards that commits and experiments list, and the number of revisions.

    A revision whose store is not in DVC's cache needs nothing here.
    """
    needed: Names = set()
    read: set[str] = set()
    revisions = 0
    for _ in repo.brancher(all_commits=True, all_experiments=True):
        revisions += 1
        for out in repo.index.outs:
            if paths.STORE not in Path(out.def_path).parents or not out.hash_info:
                continue
            if out.hash_info.value in read:
                continue
            read.add(out.hash_info.value)
            own = Path(out.cache.oid_to_path(out.hash_info.value))
            if not own.exists():
                continue
            if md5(own) != out.hash_info.value.removesuffix(".dir"):
                raise SoundstageError(f"{own}: damaged; run `soundstage repair` first")
            try:
                listing = {parts: oid for parts, _, oid in out.get_obj() or ()}
                index = Path(out.cache.oid_to_path(listing[("index.json",)].value))
                needed |= _listed(read_index(index))
            except (FileNotFoundError, KeyError):
                continue  # not in the cache
    return needed, revisions


def _present(params: Params) -> tuple[Names, set[str]]:
    """Return the shards that the workspace lists, and the shelves of builds not finished yet."""
    needed: Names = set()
    unfinished = set()
    for folder in paths.STORE.glob("*/index.json"):
        needed |= _listed(Feature(folder.parent).index)
    for name in [*params.top.waveforms, *params.features]:
        fingerprint = describe(params, name).fingerprint
        try:
            if Feature(paths.STORE / name).index["fingerprint"] != fingerprint:
                unfinished.add(fingerprint)
        except SoundstageError:
            unfinished.add(fingerprint)
    return needed, unfinished


def unneeded(params: Params) -> tuple[list[Unneeded | Leftover], int]:
    """Find the shards that neither the workspace, nor a commit, nor an experiment needs.

    What a build that was stopped has finished is needed, if it was one for the present params.yaml;
    and any shelf that a running build uses. What killed runs left behind half-done is not.

    Returns
    -------
    What is not needed, by shelf; and the number of revisions that were looked at.
    """
    needed, busy = _present(params)
    with project() as repo:
        committed, revisions = _committed(repo)
    found: list[Unneeded | Leftover] = []
    for folder in sorted((paths.kept() / "shards").glob("*")):
        if folder.name in busy or in_use(folder):
            continue
        files = sorted(folder.glob("[!.]*"))
        shards = [p for p in files if (folder.name, said_sha256(p)) not in needed | committed]
        if shards:
            found.append(Unneeded(folder.name, shards))
    return found + leftovers(), revisions


def said(found: list[Unneeded | Leftover], revisions: int) -> str:
    """Return a table of what is not needed."""
    shelves = [each for each in found if isinstance(each, Unneeded)]
    left = [each for each in found if isinstance(each, Leftover)]
    lines = [f"every finished shard is needed by the workspace or one of {revisions} revisions"]
    if shelves:
        lines = [f"needed by neither the workspace nor one of {revisions} revisions:"]
    for shelf in shelves:
        size = f"{shelf.size / 1e6:.1f} MB"
        lines.append(f"  {shelf.fingerprint[:12]} {len(shelf.shards):6} shards {size:>12}")
    if left:
        lines.append("left behind by killed runs:")
    lines += [f"  {each.path} {each.size / 1e6:.1f} MB" for each in left]
    if not found:
        return lines[0]
    freed, total = sum(each.freed for each in found) / 1e6, sum(s.size for s in found) / 1e6
    lines.append(f"{total:.1f} MB in all")
    if shelves:
        lines.append("what was finished of an experiment that was stopped counts as unneeded")
    if freed < total:
        lines.append(f"{total - freed:.1f} MB of it are in DVC's cache too, until `dvc gc`")
    return "\n".join(lines)


def remove(found: list[Unneeded | Leftover]) -> None:
    """Remove what is not needed; spare what a run uses by now."""
    for each in found:
        each.remove()
