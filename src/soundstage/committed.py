"""What the last commit's store holds, from DVC's cache or its remote.

A fresh clone has an empty shelf, while dvc.lock knows where every shard of the last run is. DVC
empties a stage's folder before the stage runs, so the shards are asked of DVC and not of the disk.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from soundstage import paths
from soundstage.errors import SoundstageError
from soundstage.store.description import intact
from soundstage.store.shelf import sha256


def _recorded(folder: Path) -> bool:
    lock = Path("dvc.lock")
    return lock.exists() and f"path: {folder.as_posix()}\n" in lock.read_text("utf-8")


def committed_shards(folder: Path, fingerprint: str) -> Iterator[Path]:
    """Yield copies of the shards that dvc.lock records for a folder of the store.

    Nothing is yielded where their fingerprint is another or DVC has them nowhere. The copies may
    be moved; what is left of them is removed.
    """
    if not _recorded(folder):
        return
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    paths.kept().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="committed-", dir=paths.kept()) as temporary:
        copy = Path(temporary)
        try:
            fs = DVCFileSystem(".")
            fs.get_file(f"{folder.as_posix()}/index.json", str(copy / "index.json"))
            index = json.loads((copy / "index.json").read_text("utf-8"))
            if not intact(index) or index["fingerprint"] != fingerprint:
                return
            for shard in index["shards"]:
                path = copy / shard["file"]
                fs.get_file(f"{folder.as_posix()}/{shard['file']}", str(path))
                if sha256(path) == shard["sha256"]:
                    yield path
        except (DvcException, OSError, ValueError, KeyError):
            return  # not in the cache, nor in a remote that can be reached: it is computed


def restore(folder: Path) -> None:
    """Copy a folder of the store from DVC's cache or remote to its place, whole or not at all.

    Raises
    ------
    SoundstageError
        dvc.lock does not record it, or DVC has it nowhere.
    """
    name = Path(os.path.relpath(folder))
    if not _recorded(name):
        raise SoundstageError(f"{folder}: no such folder; run `dvc repro` to build it")
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    print(f"{name}: not here; it comes from DVC's cache or remote")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder.parent) as temporary:
        try:
            DVCFileSystem(".").get(name.as_posix(), f"{temporary}/{name.name}", recursive=True)
        except (DvcException, OSError) as error:
            raise SoundstageError(
                f"{folder}: neither here nor in DVC's cache or remote ({error}); run `dvc repro`"
            ) from error
        Path(temporary, name.name).rename(folder)
