"""`soundstage repair`: compute again exactly what is damaged, in the store and all its copies.

The store, the shelf and DVC's cache share their bytes: mending two of three would let
`dvc checkout` bring the damage back.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from soundstage import paths
from soundstage.descriptions import describe
from soundstage.errors import SoundstageError
from soundstage.extraction import decode, extract
from soundstage.files import write_bytes
from soundstage.params import Params
from soundstage.regular import open_regular
from soundstage.store.read import Feature
from soundstage.store.shelf import Shelf
from soundstage.upkeep.recorded import Cached, Recorded, committed, project
from soundstage.upkeep.verify import Claim, Report


def repair(params: Params, report: Report) -> list[str]:
    """Mend what `verify` found; return a sentence for each thing that was done.

    Rows that are intact in a damaged shard are kept, the others are computed from their source.
    A shelf's damaged shard that present code and parameters do not make, or of a folder that is not
    there, is removed. Any other damaged output is taken from the last commit or DVC's cache.

    Raises
    ------
    SoundstageError
        dvc.lock is damaged; or an output is whole nowhere: it is removed, for a stage to
        make it again. What was done before that is printed.
    """
    if report.lock:
        raise SoundstageError(f"{report.lock}, then `soundstage repair` again")
    done = []
    bad = {claim.path for claim in report.damaged}
    in_store = [claim.path for claim in report.damaged if claim.said_by == "store"]
    folders = {path.parent for path in [*report.broken_indexes, *in_store]}
    for name in _in_order(params):
        folder, shelf = paths.STORE / name, Shelf(paths.kept(), describe(params, name))
        damaged = sorted(bad & set(shelf))
        if folder in folders and not _made_by(folder, shelf):
            done.append(f"{name}: nothing here tells that present code made it: run `dvc repro`")
        elif folder in folders or (damaged and folder.is_dir()):
            _rebuild(params, name, shelf, [*damaged, *(p for p in in_store if p.parent == folder)])
            done.append(f"{name}: mended")
            bad -= set(damaged)
    for shard in sorted(path for path in bad if path.exists() and paths.kept() in path.parents):
        shard.unlink()
        done.append(f"{shard}: removed; the store here does not need it")
    lost = _mend_outputs(report.damaged, done)
    parts = _mend_cache([claim.cached for claim in report.damaged if claim.cached], lost, done)
    lost |= {out for out in parts if not any(path.is_relative_to(out) for path in lost)}
    if lost:
        print(*done, sep="\n")
        raise SoundstageError(
            f"damaged, whole nowhere here, and removed: {', '.join(map(str, sorted(lost)))}; "
            "run `dvc repro`, which makes again what is missing"
        )
    return done


def _made_by(folder: Path, shelf: Shelf) -> bool:
    """Tell whether a folder of the store holds the shards of a shelf."""
    try:
        return Feature(folder).index["fingerprint"] == shelf.description.fingerprint
    except SoundstageError:
        return any(shelf)  # the index is damaged


def _in_order(params: Params) -> list[str]:
    """Return waveforms, then features, each after what it is made from."""
    names = list(params.top.waveforms)
    waiting = dict(params.features)
    while waiting:
        for name, feature in list(waiting.items()):
            if feature.input in names:
                names.append(name)
                del waiting[name]
    return names


def _rebuild(params: Params, name: str, shelf: Shelf, damaged: list[Path]) -> None:
    # Under such a name a shard is no answer, but a source of rows. Those of the store count too: in
    # a fresh clone the shelf is empty.
    aside = {
        shard: shelf.folder / f"{shard.stem.partition('-')[0]}-!{i}-0-0{shard.suffix}"
        for i, shard in enumerate(damaged)
        if shard.exists()
    }
    try:
        for shard, source in aside.items():
            if shard.parent == shelf.folder:
                shard.rename(source)
            else:
                with contextlib.suppress(OSError):  # not to be read at all
                    shutil.copyfile(shard, source)
        if name in params.top.waveforms:
            decode(params, name)
        else:
            extract(params, name)
    finally:
        for source in aside.values():
            source.unlink(missing_ok=True)


def _mend_outputs(damaged: Sequence[Claim], done: list[str]) -> set[Path]:
    """Bring outputs back that are not in the store; return those that are removed instead."""
    lost = set()
    for claim in damaged:
        output = claim.recorded
        if output is None or paths.STORE in output.path.parents or claim.holds():
            continue
        content = committed(output.path) if claim.is_committed() else _copy(output)
        if output.path.is_dir():
            shutil.rmtree(output.path)
        else:
            # Not written to: it may be a hard link to what DVC's cache holds.
            output.path.unlink(missing_ok=True)
        if content is None:
            lost.add(output.path)
        else:
            write_bytes(output.path, content)
            done.append(f"{output.path}: mended")
    return lost


def _copy(output: Recorded) -> bytes | None:
    """Return what DVC's cache holds of an output, None where that is damaged too, or not there."""
    if output.copy is None:
        return None
    try:
        with open_regular(output.copy) as file:
            content = file.read()
    except OSError:
        return None
    return content if hashlib.md5(content).hexdigest() == output.md5 else None


def _mend_cache(objects: list[Cached], lost: set[Path], done: list[str]) -> set[Path]:
    """Remove damaged objects of DVC's cache, and fill it again from the workspace where it can.

    `lost` are files of outputs that are not there any more. Return the outputs that these are of,
    and of what is removed here too.
    """
    lost = set(lost)
    for cached in objects:
        if not cached.file.exists():
            continue  # two outputs with one content
        if cached.path and cached.path.is_file() and cached.path.samefile(cached.file):
            cached.path.unlink()
            lost.add(cached.path)
        cached.file.unlink()
        if not cached.out:
            done.append(
                f"{cached.file}: removed; `dvc fetch`, or a run of its commit, brings it back"
            )
    gone = set()
    with project() as repo:
        outs = {Path(out.fs_path).relative_to(repo.root_dir): out for out in repo.index.outs}
        for name in sorted({cached.out for cached in objects if cached.out}):
            if any(path.is_relative_to(name) for path in lost):
                gone.add(name)
            elif not outs[name].exists:
                done.append(f"{name}: removed from DVC's cache; `dvc repro` makes it again")
            else:
                outs[name].commit()
                done.append(f"{name}: DVC's cache is mended")
    return gone
