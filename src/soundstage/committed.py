"""What committed stores hold, from DVC's cache or its remote.

A fresh clone has an empty shelf, and a colleague's commit has shards that were never made here,
while dvc.lock knows where every one of them is. DVC empties a stage's folder before the stage runs,
so the shards are asked of DVC and not of the disk.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from soundstage import paths
from soundstage.errors import SoundstageError
from soundstage.progress import progress
from soundstage.store.description import read_index
from soundstage.store.shelf import sha256


def _recorded(folder: Path) -> dict[str, str | None]:
    """Return the MD5 that dvc.lock has of a folder -> the revision whose dvc.lock that is.

    Asked are the workspace (None), HEAD and, for a dvc.lock after a merge can name only one side's
    store, the sides, also of a merge that is not committed yet.
    """
    record = re.compile(rf"path: {re.escape(folder.as_posix())}\n\s+hash: md5\n\s+md5: (\S+)")
    lock = Path("dvc.lock")
    locks: list[tuple[str | None, str]] = (
        [(None, lock.read_text("utf-8", "replace"))] if lock.exists() else []
    )
    for revision in ("HEAD", "MERGE_HEAD", "HEAD^2", "HEAD^1"):
        command = ["git", "show", f"{revision}:./dvc.lock"]
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
        if revision == "HEAD^2" and shown.returncode:
            break  # HEAD is no merge
        locks.append((revision, shown.stdout))
    found: dict[str, str | None] = {}
    for where, text in locks:
        for digest in record.findall(text):
            found.setdefault(digest, where)
    return found


def committed_shards(folder: Path, fingerprint: str, here: Collection[str]) -> Iterator[Path]:
    """Yield copies of the shards that commits record for a folder of the store.

    Those of another fingerprint, those whose SHA-256 is in `here`, and those that DVC has nowhere
    are left out. The copies may be moved; what is left of them is removed.
    """
    here = set(here)
    for revision in _recorded(folder).values():
        paths.kept().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="committed-", dir=paths.kept()) as temporary:
            for path, digest in _fetched(folder, revision, fingerprint, here, Path(temporary)):
                here.add(digest)
                yield path


def _fetched(
    folder: Path, revision: str | None, fingerprint: str, here: set[str], into: Path
) -> Iterator[tuple[Path, str]]:
    from dvc.api import DVCFileSystem
    from dvc_data.index import DataIndexDirError

    try:
        fs = DVCFileSystem(".", rev=revision)
        fs.get_file(f"{folder.as_posix()}/index.json", str(into / "index.json"))
        index = read_index(into / "index.json")
        if index["fingerprint"] != fingerprint:
            return
        wanted = [shard for shard in index["shards"] if shard["sha256"] not in here]
        if not wanted:
            return
        with progress(f"{folder.name}: committed", len(wanted), "shards") as bar:
            for shard in wanted:
                path = into / shard["file"]
                fs.get_file(f"{folder.as_posix()}/{shard['file']}", str(path))
                bar.update(1)
                if sha256(path) == shard["sha256"]:
                    yield path, shard["sha256"]
    except (DataIndexDirError, FileNotFoundError):
        return  # DVC has it nowhere, as in a clone without a remote
    except Exception as error:  # whatever a remote raises: what it cannot give is computed
        said = " ".join(str(error).split())
        print(f"{folder}: committed shards cannot be had and are computed again ({said})")


def restore(folder: Path) -> None:
    """Copy a folder of the store from DVC's cache or remote to its place, whole or not at all.

    Raises
    ------
    SoundstageError
        dvc.lock does not record it, or DVC has it nowhere.
    """
    name = Path(os.path.relpath(folder))
    if None not in _recorded(name).values():
        raise SoundstageError(f"{folder}: no such folder; run `dvc repro` to build it")
    from dvc.api import DVCFileSystem

    print(f"{name}: not here; it comes from DVC's cache or remote")
    paths.kept().mkdir(parents=True, exist_ok=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="incoming-", dir=paths.kept()) as temporary:
        copy = Path(temporary, name.name)
        try:
            DVCFileSystem(".").get(name.as_posix(), str(copy), recursive=True)
        except Exception as error:  # whatever a remote raises
            said = " ".join(str(error).split())
            raise SoundstageError(
                f"{folder}: neither here nor in DVC's cache or remote ({said}); run `dvc repro`"
            ) from error
        copy.rename(folder)
