"""What lies in a data set's folder: every file with its content hash, remembered between runs.

The folder is the user's: it is read in place, never written to, and nothing outside it is read. A
hash is remembered by path, size, modification time and inode, so a second look at a hundred
thousand files takes seconds.
"""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import polars as pl

from soundstage.errors import SoundstageError
from soundstage.file_names import ENDINGS, is_audio, is_left_out
from soundstage.files import write_parquet
from soundstage.progress import progress
from soundstage.store.shards import KEY_LENGTH
from soundstage.terminal import shown

SCHEMA = {"path": pl.String, "size": pl.Int64, "key": pl.String, "reason": pl.String}
_MEMORY = {"path": pl.String, "size": pl.Int64, "mtime": pl.Int64, "inode": pl.UInt64}

_LARGEST = 2**36  # bytes; reading what claims to be larger, holes perhaps, would take hours


def content_hash(path: Path) -> str:
    """Return a file's content hash: the first 32 hex digits of its SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:KEY_LENGTH]


def check_names(root: Path) -> None:
    """Refuse a folder whose names this process cannot read, as its locale has them in no UTF-8.

    Raises SoundstageError: the fault is the locale's, so no file is blamed for it.
    """
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        return
    names = (name for _, *both in os.walk(root) for some in both for name in some)
    if not str(root).isascii() or not all(name.isascii() for name in names):
        raise SoundstageError(
            f"{_printable(str(root))}: names are read as {encoding}, and some of them are not "
            "ASCII; set LC_ALL=C.UTF-8 or PYTHONUTF8=1"
        )


def _walk(root: Path) -> list[tuple[str, str | None]]:
    """Return the paths under `root`, sorted; folders that are not looked into with a reason."""
    found: list[tuple[str, str | None]] = []
    inside = root.resolve()

    def refuse(error: OSError) -> None:
        below = Path(error.filename).relative_to(root)
        if below == Path():
            raise SoundstageError(f"{root}: cannot be read: {error.strerror}") from error
        found.append((f"{below.as_posix()}/", "unreadable"))

    for folder, folders, files in os.walk(root, onerror=refuse):
        below = Path(folder).relative_to(root)
        folders[:] = sorted(name for name in folders if not is_left_out(name))
        for name in folders:
            link = Path(folder, name)
            # Not Path.is_symlink, which raises on a path that is too long.
            if os.path.islink(link):  # noqa: PTH114
                reason = "linked_folder" if _is_inside(link, inside) else "outside"
                found.append((f"{(below / name).as_posix()}/", reason))
            elif is_audio(name):
                found.append((f"{(below / name).as_posix()}/", "folder"))
        found += [((below / name).as_posix(), None) for name in files if not is_left_out(name)]
    return sorted(found)


def left_out(root: Path) -> list[str]:
    """Return the paths of the audio that is not listed for its name, sorted, see `is_left_out`."""
    found = []
    for folder, _, files in os.walk(root):
        below = Path(folder).relative_to(root)
        inside = is_left_out(below.as_posix())
        found += [
            (below / name).as_posix()
            for name in files
            if is_audio(name) and (inside or is_left_out(name))
        ]
    return sorted(map(_printable, found))


def _is_inside(path: Path, folder: Path) -> bool:
    # Not Path.resolve, which raises on a link that leads to itself.
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _printable(path: str) -> str:
    """Return a path with the bytes that are no UTF-8 escaped, as in `caf\\xe9.mp3`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def list_files(root: Path, memory: Path) -> pl.DataFrame:
    """List the files under `root`, except what only systems and tools make, see `is_left_out`.

    Parameters
    ----------
    memory: a Parquet file that remembers hashes; made and kept up to date.

    Returns
    -------
    path (relative, sorted), size in bytes, key (content hash), and for what is not read no key but
    a reason, of `diagnostics.REFUSALS`. Of the folders only those are listed that are not looked
    into; their paths end in `/`.

    Raises
    ------
    SoundstageError
        There is no such folder, it cannot be read, or it holds no files.
    """
    if not root.is_dir():
        raise SoundstageError(f"{root}: no such folder; set the data set's `root` in params.yaml")
    known = {}
    if memory.exists():
        known = {row[:4]: row[4] for row in pl.read_parquet(memory).iter_rows()}
    inside = root.resolve()
    rows: list[tuple[str, int, str | None, str | None]] = []
    marks: list[tuple[str, int, int, int, str]] = []

    def look(path: str) -> tuple[int, str | None, str | None]:
        file = root / path
        if file.is_symlink() and not _is_inside(file, inside):
            return 0, None, "outside"
        if not file.is_file():
            return 0, None, "not_a_file"
        status = file.stat()
        if _printable(path) != path:
            return status.st_size, None, "not_utf8"
        if status.st_size > _LARGEST:
            return status.st_size, None, "huge_file"
        mark = (path, status.st_size, status.st_mtime_ns, status.st_ino)
        try:
            key = known.get(mark) or content_hash(file)
        except OSError:
            return status.st_size, None, "unreadable"
        marks.append((*mark, key))
        return status.st_size, key, None

    def row(path: str, reason: str | None) -> None:
        try:
            found = (0, None, reason) if reason else look(path)
        except OSError:  # of its status: the folder may be listed but not entered, or it is gone
            found = 0, None, "unreadable"
        rows.append((_printable(path), *found))

    entries = _walk(root)
    with ThreadPoolExecutor() as pool, progress("listing", len(entries), "files") as bar:
        for _ in pool.map(lambda entry: row(*entry), entries):
            bar.update()
    if not rows:
        raise SoundstageError(f"{root}: holds no files; put the data set's audio there")
    schema = _MEMORY | {"key": pl.String}
    write_parquet(memory, pl.DataFrame(marks, schema, orient="row").sort("path"))
    return pl.DataFrame(rows, SCHEMA, orient="row").sort("path")


def remembered(memory: Path) -> pl.DataFrame | None:
    """Return path and key of what the last listing read; None where there was none."""
    return pl.read_parquet(memory, columns=["path", "key"]) if memory.exists() else None


def summary(old: pl.DataFrame | None, new: pl.DataFrame) -> str:
    """Say in a few words what a listing holds and what changed since `old`, see `remembered`."""
    text = f"{len(new)} files, {int(new['size'].sum()) / 1e6:.1f} MB"
    if old is None:
        return text
    before, now = (
        dict(table.drop_nulls("key").select("path", "key").iter_rows()) for table in (old, new)
    )
    counts = {
        "new": len(now.keys() - before.keys()),
        "changed": sum(now[path] != before[path] for path in now.keys() & before.keys()),
        "gone": len(before.keys() - now.keys()),
    }
    said = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
    return f"{text}; {said}" if said else f"{text}, none changed"


def audio_files(listing: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Return what of a listing counts as audio by the ending of its name, and a word on the rest.

    Covers, lyrics, playlists and the like are no clips: they are neither decoded nor counted as
    rejected, and so is what has an ending that is not in `ENDINGS`. The word, "" if there is
    nothing to say, tells how many of which endings, so that none is passed over unseen. Folders
    that were not looked into stay: there may be audio in them.

    Raises SoundstageError if nothing is left.
    """
    ending = pl.Series([PurePosixPath(path).suffix.lower() for path in listing["path"]])
    counts_as_audio = ending.is_in(list(ENDINGS)) | listing["path"].str.ends_with("/")
    others = Counter(ending.filter(~counts_as_audio))
    counted = ", ".join(
        f"{n} {shown(name) or 'without an ending'}"
        for name, n in sorted(others.items(), key=lambda other: (-other[1], other[0]))
    )
    if not counts_as_audio.any():
        known = " ".join(sorted(ENDINGS))
        raise SoundstageError(f"no audio files, only {counted}; audio has one of these: {known}")
    said = f"ignored {others.total()} files: {counted}" if others else ""
    return listing.filter(counts_as_audio), said


def audio_keys(listing: pl.DataFrame) -> Sequence[str]:
    """Return the distinct content hashes of a listing."""
    return listing["key"].drop_nulls().unique().sort().to_list()
