"""Building one folder of the store, shard by shard, from a cache of finished shards.

Finished shards lie under the main checkout, named by fingerprint, prefix and members, so they
outlive the stage's output folder (which DVC empties) and a queued experiment's whole checkout. A
shard is linked from there; if there is none, its rows are copied from any shard of the same
fingerprint, and only rows found nowhere are computed.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import Any

import joblib
import psutil
from filelock import FileLock
from joblib.externals.loky.process_executor import BrokenProcessPool

from soundstage import fingerprint, stage
from soundstage.errors import SoundstageError
from soundstage.files import whole_or_not_at_all, write_json
from soundstage.progress import progress
from soundstage.store import shards
from soundstage.store.partition import partition
from soundstage.store.shards import Rejection, Row

# Reasons that may be the machine's and not the file's: tried again in every run.
TRANSIENT = {"timeout"}

# Computes the rows of some members of one shard: (prefix, keys) -> a row or a rejection each.
Compute = Callable[[str, Sequence[str]], Iterator[Row | Rejection]]


@dataclass(frozen=True)
class Description:
    """What a store folder says of itself in `index.json`.

    `axes` name the dimensions of a row, `columns` its entries if they have names; `sample_rate` is
    that of the waveform in Hz, `hop_length` the samples between frames where there are frames.
    """

    name: str
    kind: str
    source: str
    parameters: Mapping[str, Any]
    fingerprint: str
    libraries: Mapping[str, str]
    axes: Sequence[str]
    dtype: str
    unit: str
    sample_rate: int
    hop_length: int | None = None
    columns: Sequence[str] = ()

    @property
    def suffix(self) -> str:
        """The ending of its shards' names."""
        return ".parquet" if self.columns else ".h5"


def build(
    folder: Path,
    description: Description,
    keys: Sequence[str],
    compute: Compute,
    *,
    clips_per_shard: int,
    cache: Path,
) -> None:
    """Write a store folder: a shard for each part of `keys`, then `index.json`.

    Shards are computed by `SOUNDSTAGE_JOBS` processes (default: one a core); the bytes do not
    depend on how many. Finished shards stay in `cache` if the build fails or is killed.
    """
    shelf = cache / "shards" / description.fingerprint
    shelf.mkdir(parents=True, exist_ok=True)
    _sweep(shelf)
    parts = partition(keys, clips_per_shard)
    finished = {p: _find(shelf, p, members, description) for p, members in parts.items()}
    missing = [prefix for prefix, found in finished.items() if found is None]
    with progress(description.name, len(keys), "clips") as bar:
        bar.update(sum(len(parts[prefix]) for prefix in parts if prefix not in missing))
        tasks = (
            joblib.delayed(_finish)(shelf, prefix, parts[prefix], description, compute, os.getpid())
            for prefix in missing
        )
        try:
            for prefix, path in joblib.Parallel(stage.jobs(), return_as="generator_unordered")(
                tasks
            ):
                finished[prefix] = path
                bar.update(len(parts[prefix]))
        except BrokenProcessPool as error:
            raise SoundstageError(
                f"{description.name}: a worker process died (out of memory, or killed); "
                "run again: finished shards are kept"
            ) from error
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for prefix, path in finished.items():
        assert path is not None
        shard = shards.Shard(path)
        name = f"{prefix or 'all'}{description.suffix}"
        _link(path, folder / name)
        entries.append(
            {
                "file": name,
                "prefix": prefix,
                "rows": len(shard.keys),
                "rejected": len(shard.rejections),
                "sha256": path.stem.rpartition("-")[2],
            }
        )
    index = {"format": shards.FORMAT, **asdict(description), "shards": entries}
    write_json(folder / "index.json", index)


def _stem(prefix: str, members: Sequence[str]) -> str:
    return f"{prefix or 'all'}-{fingerprint.digest(list(members))[:16]}"


def _find(
    shelf: Path, prefix: str, members: Sequence[str], description: Description
) -> Path | None:
    for path in sorted(shelf.glob(f"{_stem(prefix, members)}-*{description.suffix}")):
        rejections = shards.Shard(path).rejections.values()
        if not any(rejection.reason in TRANSIENT for rejection in rejections):
            return path
    return None


def _related(shelf: Path, prefix: str, suffix: str) -> Iterator[Path]:
    """Yield cached shards that may hold rows of `prefix`: one prefix begins with the other."""
    for path in sorted(shelf.glob(f"[!.]*{suffix}")):
        other = path.name.partition("-")[0].replace("all", "")
        if other.startswith(prefix) or prefix.startswith(other):
            yield path


def _finish(
    shelf: Path,
    prefix: str,
    members: Sequence[str],
    description: Description,
    compute: Compute,
    parent: int,
) -> tuple[str, Path]:
    """Make one shard in a worker process; return its prefix and its path in the cache."""
    if os.getpid() != parent:
        stage.die_with(parent)
    known: dict[str, Row | Rejection] = {}
    for path in _related(shelf, prefix, description.suffix):
        shard = shards.Shard(path)
        for key in set(members) - known.keys():
            if key in shard:
                known[key] = shard.row(key)
            elif key in shard.rejections and shard.rejections[key].reason not in TRANSIENT:
                known[key] = shard.rejections[key]
    fresh = [key for key in members if key not in known]
    if fresh:
        results = _first_alone(compute(prefix, fresh), shelf / f".compiled.{parent}.tmp")
        known |= {result.key: result for result in results}
    if known.keys() != set(members):
        raise ValueError(f"{description.name}: shard {prefix!r} does not account for every member")

    temporary = shelf / f"{_stem(prefix, members)}-.{os.getpid()}{description.suffix}.part"
    shards.write(
        temporary,
        [result for result in known.values() if isinstance(result, Row)],
        [result for result in known.values() if isinstance(result, Rejection)],
        dtype=description.dtype,
        axes=description.axes,
        columns=description.columns,
    )
    with temporary.open("rb") as written:
        content = file_digest(written, "sha256").hexdigest()
    path = shelf / f"{_stem(prefix, members)}-{content}{description.suffix}"
    temporary.replace(path)
    return prefix, path


def _first_alone(results: Iterator[Row | Rejection], compiled: Path) -> Iterator[Row | Rejection]:
    """Yield `results`; of all workers of a build, one makes its first result while others wait.

    That puts numba's compiled code on disk. Two workers that compile and cache the same function
    at once were seen to leave a cache that crashes every later process.
    """
    with FileLock(compiled.parents[1] / "compile.lock"):
        if not compiled.exists():
            yield from islice(results, 1)
            compiled.touch()
    yield from results


def _sweep(shelf: Path) -> None:
    """Remove what killed runs left half-written."""
    for path in [*shelf.glob(".*.tmp"), *shelf.glob("*.part")]:
        owner = re.search(r"\.(\d+)\.", path.name)
        if owner and not psutil.pid_exists(int(owner[1])):
            path.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """Give `source` a second name; copy where the file system cannot link."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with whole_or_not_at_all(target) as temporary:
            shutil.copyfile(source, temporary)
