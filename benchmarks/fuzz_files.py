"""Read thousands of mutated shards, indexes, tables and XML files: each is refused or read.

    python benchmarks/fuzz_files.py [--mutations N] [--seed S]

Bytes are changed anywhere; what HDF5, Parquet, JSON, CSV and XML are made of becomes what leads out
of the file or of memory where it is believed. Under the index that it was written with, no row of
the store may come out with other numbers. A child process does the work, with little more memory
than untouched files take, so that a crash, a hang or greed is noticed.
"""

import hashlib
import json
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fuzz
import numpy as np
import polars as pl
from file_mutations import (
    any_bytes,
    many_columns_or_rows,
    other_hdf5,
    other_index,
    other_parquet,
    other_text,
    restate,
)

from soundstage import echonest_xml, splits, tracks, views
from soundstage.datasets import table
from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
from soundstage.metrics import stored
from soundstage.metrics.predictions import Predictions
from soundstage.params.sections import Split
from soundstage.store import shards
from soundstage.store.description import Description
from soundstage.store.read import Feature
from soundstage.store.shards import Rejection, Row

CLIPS = 12
SECONDS, GROWTH = 20, 256  # that one file may take, and MB that a child may
KEYS = [hashlib.sha256(str(i).encode()).hexdigest()[:32] for i in range(CLIPS)]
TRACKS = [f"reel.{i:05}" for i in range(CLIPS)]
Mutation = Callable[[Path, np.random.Generator], None]


def _rows(columns: bool) -> list[Row]:
    rng = np.random.default_rng(0)
    shapes = [(5,)] * CLIPS if columns else [(3, n) for n in range(CLIPS)]
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    own = {} if columns else {"peak": 0.5}
    return [Row(key, array, own) for key, array in zip(KEYS[1:], arrays[1:], strict=True)]


def _store(folder: Path, columns: bool) -> None:
    """Write a folder of the store with one shard of HDF5, or of Parquet for named columns."""
    axes = ("column",) if columns else ("frequency", "frame")
    names = tuple("abcde") if columns else ()
    said = Description(
        "psd", "psd", "pcm8", "f" * 64, {"n": 1}, {"psd.py": "0"}, {"numpy": "2"}, axes,
        "float32", "1", 16000, None if columns else 512, names,
    )  # fmt: skip
    file = folder / f"all{said.suffix}"
    rejections = [Rejection(KEYS[0], "empty", "holds no samples")]
    shards.write(file, _rows(columns), rejections, dtype="float32", axes=axes, columns=names)
    entry = {"file": file.name, "prefix": "", "rows": CLIPS - 1, "rejected": 1, "sha256": ""}
    (folder / "index.json").write_text(json.dumps(said.index([entry])))
    restate(folder)


def _read_store(folder: Path) -> Any:
    feature = Feature(folder)
    rejected = feature.rejections()
    arrays = {key: feature[key] for key in feature}
    return sorted((key, array.tobytes()) for key, array in arrays.items()), rejected


def _table() -> pl.DataFrame:
    return pl.DataFrame(
        {"path": [f"{name}.wav" for name in TRACKS], "genre": ["reel", "waltz"] * (CLIPS // 2)}
        | {"artist": [f"Ärtist, {i // 3}" for i in range(CLIPS)], "tempo": list(range(CLIPS))}
        | {"tags": [["fast", "old"][: i % 3] for i in range(CLIPS)]}
    )


def _read_table(folder: Path) -> Any:
    file = next(folder.glob("labels.*"))
    paths = [f"{name}.wav" for name in TRACKS]
    return table.tracks(paths, {file.name: file}, table=file.name, artist="artist").rows()


def _labels(folder: Path) -> None:
    rows = _table().with_columns(pl.col("tags").list.join("|"))
    (folder / "labels.csv").write_text(rows.write_csv(), "utf-8")


def _joined() -> pl.DataFrame:
    """Return the table of tracks that the stages make of the table of labels."""
    of = pl.DataFrame({"track": TRACKS, "path": [f"{name}.wav" for name in TRACKS], "key": KEYS})
    listing = of.select("path", "key").with_columns(reason=pl.lit(None, pl.String))
    found = _table().with_columns(track=pl.Series(TRACKS), group="artist")
    return tracks.join(found.drop("tempo"), listing)


def _tracks(folder: Path) -> None:
    write_parquet(folder / "tracks.parquet", _joined())


def _parts(folder: Path) -> None:
    split = Split(name="random", seed=0, valid=0.2, test=0.2, folds=None, fold=0)
    parts = pl.DataFrame({"track": TRACKS, "part": ["train"] * 8 + ["test"] * 4})
    splits.write(splits.Parts("random", split, parts), folder / "splits.parquet")


def _view(folder: Path) -> None:
    about = views.About("svm", "librosa_stats", "genre", ("reel", "waltz"), (58,), "0" * 16)
    rows = [
        {"track": name, "key": key, "copy": 0, "segment": 0, "start": 0, "part": "train"}
        | {"group": name, "reason": None, "checksum": "0" * 16, "target": [0]}
        for name, key in zip(TRACKS, KEYS, strict=True)
    ]
    views.write(views.View(about, pl.DataFrame(rows, views.SCHEMA)), folder / "view.parquet")


def _predictions(folder: Path) -> None:
    names, shares = ("reel", "waltz"), np.array([0.5, 0.5])
    p = np.linspace(0, 1, CLIPS)
    found = Predictions(
        np.array(TRACKS), np.zeros(CLIPS, int), np.array(TRACKS), np.arange(CLIPS) % 2,
        np.stack([p, 1 - p], axis=1), names, shares,
    )  # fmt: skip
    about = stored.About("svm", "demo", "group", "genre", names, shares.tolist(), None)
    stored.write({"test": found}, about, folder / "predictions.parquet")


def _read_predictions(folder: Path) -> Any:
    found, about = stored.read(folder / "predictions.parquet")
    return found.track.tolist(), found.probability.tobytes(), found.y_true.tolist(), about


ANALYSIS = """<?xml version="1.0" encoding="UTF-8"?>
<clip><track duration="3.0" loudness="-9.25" tempo="119.9" timeSignature="2" key="5" mode="1">
<section start="0.0" duration="2.0"/><section start="2.0" duration="1.0"/>
<bar confidence="0.7"><beat><tatum>0.5</tatum><tatum>0.75</tatum></beat></bar>
{segments}</track></clip>"""
SEGMENT = """<segment start="{i}.0" duration="1.0"><loudness><dB time="0">-60.0</dB>
<dB type="max" time="0.11">-10</dB></loudness><pitches>{pitches}</pitches>
<timbre>{timbre}</timbre></segment>"""


def _analysis(folder: Path) -> None:
    pitches = "".join(f"<pitch>0.{i:02}</pitch>" for i in range(12))
    timbre = "".join(f"<coeff>{i - 6.5}</coeff>" for i in range(12))
    segments = "".join(SEGMENT.format(i=i, pitches=pitches, timbre=timbre) for i in range(3))
    (folder / "clip.mp3.xml").write_text(ANALYSIS.format(segments=segments), "utf-8")


@dataclass(frozen=True)
class Kind:
    """How files of a kind are written into a folder and read from it, and what changes them."""

    write: Callable[[Path], object]
    read: Callable[[Path], Any]
    mutations: tuple[Mutation, ...]


KINDS = {
    "shard.h5": Kind(
        lambda f: _store(f, False), _read_store, (any_bytes, other_hdf5, other_hdf5, other_index)
    ),
    "shard.parquet": Kind(
        lambda f: _store(f, True), _read_store, (any_bytes, other_parquet, other_index)
    ),
    "tracks": Kind(
        _tracks, lambda f: tracks.read(f / "tracks.parquet").rows(), (any_bytes, other_parquet)
    ),
    "splits": Kind(
        _parts, lambda f: splits.read(f / "splits.parquet").table.rows(), (any_bytes, other_parquet)
    ),
    "view": Kind(
        _view, lambda f: views.read(f / "view.parquet").rows.rows(), (any_bytes, other_parquet)
    ),
    "predictions": Kind(_predictions, _read_predictions, (any_bytes, other_parquet)),
    "labels.csv": Kind(
        _labels, _read_table, (any_bytes, other_text, other_text, many_columns_or_rows)
    ),
    "labels.parquet": Kind(
        lambda f: _table().write_parquet(f / "labels.parquet"),
        _read_table,
        (any_bytes, other_parquet),
    ),
    "analysis.xml": Kind(
        _analysis,
        lambda f: echonest_xml.read(f / "clip.mp3.xml").tobytes(),
        (any_bytes, other_text, other_text),
    ),
}


def write_valid(folder: Path) -> dict[str, Path]:
    """Write a folder of valid files of each kind, where there is none yet."""
    for name, kind in KINDS.items():
        if not (folder / name).exists():
            (folder / name).mkdir(parents=True)
            kind.write(folder / name)
    return {name: folder / name for name in KINDS}


def outcome(kind: Kind, folder: Path) -> Any:
    """Return what is read, or None if it is refused; AssertionError if it is wrong."""
    try:
        return kind.read(folder)
    except SoundstageError:
        return None


def _peak() -> int:
    """Return how many MB the process has taken at most."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024


def _mutants(folder: Path, first: int, last: int, seed: int) -> Iterator[tuple[str, str, Path]]:
    """Yield kind, mutation and folder of each mutant, which is removed afterwards."""
    valid = write_valid(folder)
    for i in range(first, last):
        rng = np.random.default_rng([seed, i])
        name = list(valid)[i % len(valid)]
        mutant = shutil.copytree(valid[name], folder / f"{i}-{name}")
        mutations = KINDS[name].mutations
        mutation = mutations[int(rng.integers(len(mutations)))]
        mutation(mutant, rng)
        yield name, mutation.__name__, mutant
        shutil.rmtree(mutant)


def _child(folder: Path, first: int, last: int, seed: int) -> None:
    as_it_was = {name: outcome(KINDS[name], path) for name, path in write_valid(folder).items()}
    assert None not in as_it_was.values()
    before = _peak()
    for name, mutation, mutant in _mutants(folder, first, last, seed):
        signal.alarm(SECONDS)
        found = outcome(KINDS[name], mutant)
        signal.alarm(0)
        assert _peak() < before + GROWTH, f"{mutation} {name}: took {_peak() - before} MB more"
        index = mutant / "index.json"
        if index.exists() and index.read_bytes() == (folder / name / "index.json").read_bytes():
            assert found in (None, as_it_was[name]), f"{mutation} {name}: other numbers"
        verdict = "refused" if found is None else "same" if found == as_it_was[name] else "other"
        print(mutation, name, verdict, sep="\t", flush=True)


def run(folder: Path, mutations: int, seed: int) -> tuple[Counter, list[str]]:
    """Judge mutations in child processes; return how many got which verdict, and what went wrong.

    The verdicts are `refused`, `same` and, under no checksum or a stranger's, `other`.
    """
    write_valid(folder)
    return fuzz.in_children(__file__, folder, mutations, seed)


if __name__ == "__main__":
    fuzz.main(__doc__, run, _child)
