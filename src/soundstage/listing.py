"""What lies in a data set's folder: its audio with content hashes, remembered between runs.

The folder is the user's: it is read in place, never written to, and nothing outside it is read. A
hash is remembered by path, size, modification time and inode, so a second look at a hundred
thousand files takes seconds. What is no audio by its name is counted and not read, so a folder of
videos or of a hundred thousand pictures costs no more than its names.
"""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import polars as pl

from soundstage import containers, untrusted_parquet
from soundstage.errors import SoundstageError
from soundstage.file_names import ENDINGS, ending, is_audio, is_left_out
from soundstage.files import write_parquet
from soundstage.progress import progress
from soundstage.store.shards import KEY_LENGTH
from soundstage.terminal import shown

SCHEMA = {"path": pl.String, "size": pl.Int64, "key": pl.String, "reason": pl.String}
_MEMORY = {"path": pl.String, "size": pl.Int64, "mtime": pl.Int64, "inode": pl.UInt64}

_LARGEST = 2**36  # bytes; reading what claims to be larger, holes perhaps, would take hours
_AT_ONCE = 10_000  # files waiting to be hashed; each takes about a kilobyte until it is


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


def _walk(root: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the paths under `root`, folders that are not looked into with a reason."""
    refused: list[tuple[str, str | None]] = []
    inside = root.resolve()

    def refuse(error: OSError) -> None:
        below = Path(error.filename).relative_to(root)
        if below == Path():
            raise SoundstageError(f"{root}: cannot be read: {error.strerror}") from error
        refused.append((f"{below.as_posix()}/", "unreadable"))

    for folder, folders, files in os.walk(root, onerror=refuse):
        below = Path(folder).relative_to(root)
        folders[:] = sorted(name for name in folders if not is_left_out(name))
        for name in folders:
            link = Path(folder, name)
            # Not Path.is_symlink, which raises on a path that is too long.
            if os.path.islink(link):  # noqa: PTH114
                reason = "linked_folder" if _is_inside(link, inside) else "outside"
                yield f"{(below / name).as_posix()}/", reason
            elif is_audio(name):
                yield f"{(below / name).as_posix()}/", "folder"
        for name in files:
            if not is_left_out(name):
                yield (below / name).as_posix(), None
    yield from refused


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


class Listing(NamedTuple):
    """What lies in a folder.

    `files` has a row a file that is listed, and one a folder that is not looked into, whose path
    ends in `/`: path (relative, sorted), size in bytes, key (content hash), and for what is not
    read no key but a reason, of `diagnostics.REFUSALS`. `others` counts the endings of all else.
    """

    files: pl.DataFrame
    others: Counter[str]


def list_files(
    root: Path, memory: Path, *, also: Collection[str] = (), but: Collection[str] = ()
) -> Listing:
    """List the audio under `root`, except what only systems and tools make, see `is_left_out`.

    The ending of its name says whether a file is audio; where it has none, its first bytes do.

    Parameters
    ----------
    memory: a Parquet file that remembers hashes; made and kept up to date.
    also: endings of other files that are listed like audio.
    but: paths that are neither listed nor counted.

    Raises
    ------
    SoundstageError
        There is no such folder, it cannot be read, or it holds no files.
    """
    if not root.is_dir():
        raise SoundstageError(f"{root}: no such folder; set the data set's `root` in params.yaml")
    known = {}
    if memory.exists():
        known = {row[:4]: row[4] for row in untrusted_parquet.read(memory)[0].iter_rows()}
    inside = root.resolve()
    rows: list[tuple[str, int, str | None, str | None]] = []
    marks: list[tuple[str, int, int, int, str]] = []
    others: Counter[str] = Counter()

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

    entries, endings = [], ENDINGS.union(also)
    for path, reason in _walk(root):
        if reason or (path not in but and _is_listed(root / path, endings, inside)):
            entries.append((path, reason))
        elif path not in but:
            others[ending(path)] += 1
    with ThreadPoolExecutor() as pool, progress("listing", len(entries), "files") as bar:
        for start in range(0, len(entries), _AT_ONCE):
            for _ in pool.map(lambda entry: row(*entry), entries[start : start + _AT_ONCE]):
                bar.update()
    if not rows and not others:
        raise SoundstageError(f"{root}: holds no files; put the data set's audio there")
    schema = _MEMORY | {"key": pl.String}
    write_parquet(memory, pl.DataFrame(marks, schema, orient="row").sort("path"))
    return Listing(pl.DataFrame(rows, SCHEMA, orient="row").sort("path"), others)


def _is_listed(file: Path, endings: Collection[str], inside: Path) -> bool:
    """Return whether a file is listed for its ending, or its first bytes where it has none."""
    if ending(file.name):
        return ending(file.name) in endings
    try:
        if not file.is_file() or not _is_inside(file, inside):
            return False
        with file.open("rb") as opened:
            return containers.begins_as_audio(opened.read(64))
    except OSError:
        return False


def remembered(memory: Path) -> pl.DataFrame | None:
    """Return path and key of what the last listing read; None where there was none."""
    return untrusted_parquet.read(memory, columns=["path", "key"])[0] if memory.exists() else None


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


def ignored(listing: Listing) -> str:
    """Say how many files of which endings were not listed, "" if there are none.

    Covers, lyrics, playlists and the like are no clips: they are neither decoded nor counted as
    rejected, but none is passed over unseen.

    Raises SoundstageError if there is nothing else.
    """
    counted = ", ".join(
        f"{n} {shown(name) or 'without an ending'}"
        for name, n in sorted(listing.others.items(), key=lambda other: (-other[1], other[0]))
    )
    if listing.files.is_empty():
        known = " ".join(sorted(ENDINGS))
        raise SoundstageError(f"no audio files, only {counted}; audio has one of these: {known}")
    return f"ignored {listing.others.total()} files: {counted}" if counted else ""


def audio_keys(listing: pl.DataFrame) -> Sequence[str]:
    """Return the distinct content hashes of a listing."""
    return listing["key"].drop_nulls().unique().sort().to_list()
