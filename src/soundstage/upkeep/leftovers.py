"""What killed runs left behind: half-written files, and copies of the project of DVC's own.

A file that is being written has the number of its process in its name; `dvc exp run --temp` and
`dvc queue` work in copies of the project under .dvc/tmp/exps, which a killed run cannot remove.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from soundstage import paths
from soundstage.store.shelf import FRESH, abandoned


@dataclass(frozen=True)
class Leftover:
    """A file or folder that nobody uses any more."""

    path: Path

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.lstat().st_size for file in self._files())

    @property
    def freed(self) -> int:
        """Bytes that the disk gains: those that nothing else links to."""
        return sum(s.st_size for file in self._files() if (s := file.lstat()).st_nlink == 1)

    def _files(self) -> list[Path]:
        found = [self.path] if self.path.is_file() else self.path.rglob("*")
        return [file for file in found if file.is_symlink() or file.is_file()]

    def remove(self) -> None:
        """Remove it, unless a run has begun to use it."""
        if _is_left(self.path):
            if self.path.is_dir():
                shutil.rmtree(self.path, ignore_errors=True)
            else:
                self.path.unlink(missing_ok=True)


def leftovers() -> list[Leftover]:
    """Find what killed runs left in .soundstage and in DVC's folder for experiments."""
    kept, experiments = paths.kept(), paths.main_checkout() / ".dvc" / "tmp" / "exps"
    found = [
        *kept.rglob(".*.tmp"),
        *(kept / "shards").glob("*/.[0-9]*.*.h5"),
        *(kept / "shards").glob("*/.[0-9]*.*.parquet"),
        *kept.glob("committed-*"),
        *kept.glob("incoming-*"),
        *experiments.glob("tmp*"),
        *experiments.glob("standalone/tmp*"),
    ]
    return [Leftover(path) for path in sorted(found) if _is_left(path)]


def _is_left(path: Path) -> bool:
    if not path.is_dir():
        return path.is_file() and abandoned(path)
    try:
        newest = max(file.lstat().st_mtime for file in (path, *path.rglob("*")))
    except OSError:  # somebody is at work there
        return False
    at_work = any(folder.is_relative_to(path.resolve()) for folder in _working_folders())
    return time.time() - newest > FRESH and not at_work


def _working_folders() -> Iterator[Path]:
    """Yield the working folders of the processes of this host, as far as these may be seen."""
    for process in psutil.process_iter():
        try:
            yield Path(process.cwd())
        except (psutil.Error, OSError):
            continue
