"""What lies in a data set's folder: every file with its content hash, remembered between runs.

The folder is the user's: it is read in place, never written to. A hash is remembered by path,
size, modification time and inode, so a second look at a hundred thousand files takes seconds.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from soundstage.errors import SoundstageError
from soundstage.files import whole_or_not_at_all
from soundstage.progress import progress
from soundstage.store.shards import KEY_LENGTH

SCHEMA = {"path": pl.String, "size": pl.Int64, "key": pl.String, "reason": pl.String}
_MEMORY = {"path": pl.String, "size": pl.Int64, "mtime": pl.Int64, "inode": pl.UInt64}


def content_hash(path: Path) -> str:
    """Return a file's content hash: the first 32 hex digits of its SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:KEY_LENGTH]


def _walk(root: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(folder).relative_to(root)
        found += [(below / name).as_posix() for name in files if not name.startswith(".")]
    return sorted(found)


def list_files(root: Path, memory: Path) -> pl.DataFrame:
    """List the files under `root`, hidden ones aside.

    Parameters
    ----------
    memory: a Parquet file that remembers hashes; made and kept up to date.

    Returns
    -------
    path (relative, sorted), size in bytes, key (content hash), and a reason for what is not read
    (its key is null): `not_a_file` for a FIFO or device, `outside` for a link that leaves `root`,
    `unreadable`.
    """
    if not root.is_dir():
        raise SoundstageError(f"{root}: no such folder; set the data set's `root` in params.yaml")
    known = {}
    if memory.exists():
        known = {row[:4]: row[4] for row in pl.read_parquet(memory).iter_rows()}
    inside = root.resolve()
    rows: list[tuple[str, int, str | None, str | None]] = []
    remembered: list[tuple[str, int, int, int, str]] = []

    def look(path: str) -> None:
        file = root / path
        if not file.resolve().is_relative_to(inside):
            rows.append((path, 0, None, "outside"))
        elif not file.is_file():
            rows.append((path, 0, None, "not_a_file"))
        else:
            status = file.stat()
            mark = (path, status.st_size, status.st_mtime_ns, status.st_ino)
            try:
                key = known.get(mark) or content_hash(file)
            except PermissionError:
                rows.append((path, status.st_size, None, "unreadable"))
                return
            rows.append((path, status.st_size, key, None))
            remembered.append((*mark, key))

    paths = _walk(root)
    with ThreadPoolExecutor() as pool, progress("listing", len(paths), "files") as bar:
        for _ in pool.map(look, paths):
            bar.update()
    if not rows:
        raise SoundstageError(f"{root}: holds no files; put the data set's audio there")
    with whole_or_not_at_all(memory) as temporary:
        schema = _MEMORY | {"key": pl.String}
        pl.DataFrame(remembered, schema, orient="row").sort("path").write_parquet(temporary)
    return pl.DataFrame(rows, SCHEMA, orient="row").sort("path")


def summary(old: pl.DataFrame | None, new: pl.DataFrame) -> str:
    """Say in a few words what a listing holds and what changed since the last one."""
    text = f"{len(new)} files, {int(new['size'].sum()) / 1e6:.1f} MB"
    if old is None:
        return text
    before, now = (set(table.select("path", "key").iter_rows()) for table in (old, new))
    if before == now:
        return f"{text}, none changed"
    return f"{text}; {len(now - before)} new or changed, {len(before - now)} gone or changed"


def audio_keys(listing: pl.DataFrame) -> Sequence[str]:
    """Return the distinct content hashes of a listing."""
    return listing["key"].drop_nulls().unique().sort().to_list()
