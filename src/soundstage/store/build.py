"""Building one folder of the store, shard by shard, from the shelf of finished shards.

A shard is linked from the shelf; if it is not there, its rows are copied from any shard of the
same fingerprint, and only rows found nowhere are computed.
"""

import errno
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.resource_tracker import ensure_running
from pathlib import Path

import joblib
from filelock import FileLock
from joblib.externals.loky.process_executor import BrokenProcessPool

from soundstage import changes, interrupts, stage
from soundstage.errors import SoundstageError
from soundstage.files import refused, room, whole_or_not_at_all, write_json
from soundstage.progress import progress
from soundstage.store import shards
from soundstage.store.description import Description, file_name
from soundstage.store.partition import bits, partition
from soundstage.store.shards import Rejection, Row
from soundstage.store.shelf import Shelf, said_rejected, said_sha256

# Computes the rows of some members of one shard: (prefix, keys) -> a row or a rejection each, in
# the order of the keys.
Compute = Callable[[str, Sequence[str]], Iterator[Row | Rejection]]
# Says what becomes of a key that kills the process that computes it: a rejection, or an error.
Crashed = Callable[[str], Rejection]


# How often in a row workers may die with no clip in hand, as when one is killed while it starts.
_IDLE_DEATHS = 2


def _give_up(key: str) -> Rejection:
    raise SoundstageError(f"clip {key}: the process that computes it dies, also alone")


def build(
    folder: Path,
    description: Description,
    keys: Sequence[str],
    compute: Compute,
    *,
    clips_per_shard: int,
    cache: Path,
    alone: Compute | None = None,
    crashed: Crashed = _give_up,
    committed: Callable[[Collection[str]], Iterable[Path]] = lambda _: (),
    seconds: Callable[[shards.Shard], float] = lambda _: 0.0,
) -> None:
    """Write a store folder: a shard for each part of `keys`, then `index.json`.

    Shards are computed by `SOUNDSTAGE_JOBS` processes (default: one a core); the bytes do not
    depend on how many. Finished shards stay in `cache` if the build fails or is killed.

    When a worker dies, the clips that were in hand are computed again, each in a process of its
    own, by `alone` (default: `compute`), and what that gives holds; `crashed` decides on one that
    dies again. If none was in hand, others take the worker's place; the third time in a row it is
    an error.

    Where the shelf lacks shards, as in a fresh clone, it takes in those that `committed` fetches;
    it is given the SHA-256 of those that are here.
    `seconds` says how much audio a shard was made from, for the progress bar.
    """
    with room(folder):
        shelf, parts = Shelf(cache, description), partition(keys, clips_per_shard)
        with shelf.used():
            if len(shelf.finished(parts)) < len(parts):
                _adopt(shelf, committed([said_sha256(path) for path in shelf]))
            finished = _finish_all(shelf, parts, compute, alone or compute, crashed, seconds)
            _link_all(folder, description, parts, finished)


def _finish_all(
    shelf: Shelf,
    parts: Mapping[str, Sequence[str]],
    compute: Compute,
    alone: Compute,
    crashed: Crashed,
    seconds: Callable[[shards.Shard], float],
) -> dict[str, Path]:
    """Return the path on the shelf of every part's shard, made if need be."""
    name, keys = shelf.description.name, {key for members in parts.values() for key in members}
    finished = shelf.finished(parts)
    idle_deaths = 0
    settled = _second_look(shelf, keys, alone, crashed)
    shelf.sweep()
    done = sum(len(parts[prefix]) for prefix in finished)
    with progress(name, len(keys), "clips", initial=done) as bar:
        while missing := [prefix for prefix in parts if prefix not in finished]:
            tasks = (
                joblib.delayed(_finish)(
                    shelf,
                    prefix,
                    members := parts[prefix],
                    compute,
                    os.getpid(),
                    {key: settled[key] for key in members if key in settled},
                )
                for prefix in missing
            )
            try:
                for prefix, path in stage.in_processes(tasks, ordered=False):
                    finished[prefix], idle_deaths = path, 0
                    bar.update(len(parts[prefix]), seconds=seconds(shards.Shard(path)))
            except BrokenProcessPool as error:
                found = _second_look(shelf, keys, alone, crashed)
                settled |= found
                idle_deaths += not found
                if idle_deaths > _IDLE_DEATHS:
                    raise SoundstageError(
                        f"{name}: worker processes die with no clip in hand (out of memory, or "
                        "killed); run again: finished shards are kept"
                    ) from error
    return finished


def _finish(
    shelf: Shelf,
    prefix: str,
    members: Sequence[str],
    compute: Compute,
    parent: int,
    settled: dict[str, Row | Rejection],
) -> tuple[str, Path]:
    """Make one shard, in a worker process perhaps; return its prefix and its path on the shelf.

    Members that are `settled` are not computed, whatever the shelf says.
    """
    if here := shelf.finished({prefix: members}):
        return prefix, here[prefix]  # another run was faster
    known = shelf.rows(prefix, members) | settled
    fresh = [key for key in members if key not in known]
    if fresh:
        note = shelf.note(parent)
        try:
            results = _noted(_first_alone(compute(prefix, fresh), shelf, parent), fresh, note)
            known |= {result.key: result for result in results}
        finally:
            note.unlink(missing_ok=True)
    if known.keys() != set(members):
        raise ValueError(f"{shelf.description.name}: shard {prefix!r} lacks some of its members")
    changes.check_code()  # of other code, the rows would lie under the wrong fingerprint
    return prefix, shelf.put(prefix, members, known)


def _noted(
    results: Iterator[Row | Rejection], keys: Iterable[str], note: Path
) -> Iterator[Row | Rejection]:
    """Yield results; before each is computed, its key stands in the file `note`."""
    with note.open("wb", buffering=0) as file:
        for key in keys:
            file.seek(0)
            file.write(key.encode())
            yield from islice(results, 1)


def _first_alone(
    results: Iterator[Row | Rejection], shelf: Shelf, parent: int
) -> Iterator[Row | Rejection]:
    """Yield results; of all workers of a build, one makes its first result while others wait.

    That puts numba's compiled code on disk. Two workers that compile and cache the same function
    at once were seen to leave a cache that crashes every later process.
    """
    compiled = shelf.compiled(parent)
    with FileLock(shelf.folder.parents[1] / "compile.lock"):
        first = [] if compiled.exists() else list(islice(results, 1))
        compiled.touch()
    yield from first
    yield from results


def _second_look(
    shelf: Shelf, keys: set[str], compute: Compute, crashed: Crashed
) -> dict[str, Row | Rejection]:
    """Compute alone each clip that a dead worker had in hand; return what that gave.

    It lies on the shelf too, as shards of one member each.
    """
    found: dict[str, Row | Rejection] = {}
    for key in sorted(keys.intersection(shelf.in_hand(os.getpid()))):
        if not _computed_alone(shelf, key, compute):
            shelf.put(bits(key), [key], {key: crashed(key)})
        found |= shelf.rows(bits(key), [key], transient=True)
    return found


_KILLED = {-9, -15, -2}  # by somebody else: not the clip's fault


def _computed_alone(shelf: Shelf, key: str, compute: Compute) -> bool:
    """Compute one clip in a process of its own; return False if that dies.

    The process is a fresh interpreter, so that nothing that the dead one broke is inherited.
    """
    context = multiprocessing.get_context("spawn")
    errors, error = context.Pipe(duplex=False)
    process = context.Process(
        target=_finish_alone,
        args=(shelf, key, compute, stage.of_worker(), error),
        daemon=True,  # ended, where this process is interrupted, instead of waited for
    )
    ensure_running()  # in being started, it would let SIGINT through again
    with interrupts.held_back():
        process.start()
    error.close()
    try:
        raise SoundstageError(errors.recv())
    except EOFError:
        process.join()
    if process.exitcode in _KILLED:
        raise SoundstageError(
            f"{shelf.description.name}: clip {key}: the process that computes it was killed "
            "(out of memory?); run again: finished shards are kept"
        )
    return process.exitcode == 0


def _finish_alone(
    shelf: Shelf, key: str, compute: Compute, of: tuple[int, str], error: Connection
) -> None:
    """Make a shard of one clip; what goes wrong is sent to the build."""
    stage.begin_worker(*of)
    try:
        _finish(shelf, bits(key), [key], compute, of[0], {})
    except SoundstageError as known:
        error.send(str(known))
    except BaseException as unexpected:
        error.send(f"clip {key}, alone: {type(unexpected).__name__}: {unexpected}")


def _adopt(shelf: Shelf, committed: Iterable[Path]) -> None:
    """Take shards in; one that cannot be read, or holds other rows than it should, is left out."""
    like = shelf.description
    for path in committed:
        try:
            shard = shards.Shard(path)
        except SoundstageError as error:
            print(f"{like.name}: a committed shard is left out, its rows are computed: {error}")
            continue
        if not shard.suits(like.dtype, like.axes, like.columns):
            print(f"{like.name}: {path.name}, committed, holds other rows; they are computed")
            continue
        prefix = path.stem.replace("all", "")
        shelf.adopt(path, prefix, sorted(shard.members()), list(shard.rejections.values()))


def _link_all(
    folder: Path,
    description: Description,
    parts: Mapping[str, Sequence[str]],
    finished: Mapping[str, Path],
) -> None:
    """Put the folder in place as a whole, so that a full disk leaves the one before as it was."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for stray in folder.parent.glob(f".{folder.name}~*"):  # of a build that was killed
        shutil.rmtree(stray)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}~", dir=folder.parent) as temporary:
        new, old = Path(temporary, "new"), Path(temporary, "old")
        new.mkdir()
        entries = []
        for prefix, members in parts.items():
            path = finished[prefix]
            name = file_name(prefix, description.suffix)
            _link(path, new / name)
            entries.append(
                {
                    "file": name,
                    "prefix": prefix,
                    "rows": len(members) - said_rejected(path),
                    "rejected": said_rejected(path),
                    "sha256": said_sha256(path),
                }
            )
        write_json(new / "index.json", description.index(entries))
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise


def _link(source: Path, target: Path) -> None:
    """Give `source` a second name; copy where the file system cannot link."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise refused(target, error, source.stat().st_size) from error
        with whole_or_not_at_all(target, source.stat().st_size) as temporary:
            shutil.copyfile(source, temporary)
