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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fuzz
import h5py
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_models import EXTREMES

from soundstage import echonest_xml, fingerprint, splits, tracks, views
from soundstage.datasets import table
from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
from soundstage.metrics import stored
from soundstage.metrics.predictions import Predictions
from soundstage.params.sections import Split
from soundstage.store import shards
from soundstage.store.description import Description, read_index
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
    _restate(folder)


def _restate(folder: Path, **changes: Any) -> None:
    """Write the index that a stranger would, who knows the format: with the right checksums."""
    index = json.loads((folder / "index.json").read_text())
    for entry in index["shards"]:
        with suppress(OSError, TypeError):
            content = (folder / entry["file"]).read_bytes()
            entry["sha256"] = hashlib.sha256(content).hexdigest()
    index = {name: value for name, value in (index | changes).items() if name != "checksum"}
    text = json.dumps(index | {"checksum": fingerprint.digest(index)})
    (folder / "index.json").write_text(text)


def _read_store(folder: Path) -> Any:
    feature = Feature(folder)
    rejected = feature.rejections()
    arrays = {key: feature[key] for key in feature}
    return sorted((key, array.tobytes()) for key, array in arrays.items()), rejected


def _table(folder: Path) -> pl.DataFrame:
    del folder
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
    rows = _table(folder).with_columns(pl.col("tags").list.join("|"))
    (folder / "labels.csv").write_text(rows.write_csv(), "utf-8")


def _own(folder: Path) -> pl.DataFrame:
    """Write what the stages write of tracks, parts, a view and predictions; return the tracks."""
    of = pl.DataFrame({"track": TRACKS, "path": [f"{name}.wav" for name in TRACKS], "key": KEYS})
    listing = of.select("path", "key").with_columns(reason=pl.lit(None, pl.String))
    found = _table(folder).with_columns(track=pl.Series(TRACKS), group="artist")
    return tracks.join(found.drop("tempo"), listing)


def _tracks(folder: Path) -> None:
    write_parquet(folder / "tracks.parquet", _own(folder))


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


def _bytes(folder: Path, rng: np.random.Generator) -> None:
    """Change bytes of any file, and in half of the cases of the index too, as if it were so."""
    file = _choice(sorted(folder.iterdir()), rng)
    change = fuzz.HARMFUL[rng.integers(len(fuzz.HARMFUL))]
    file.write_bytes(change(file.read_bytes(), rng))
    if (folder / "index.json").exists() and file.suffix != ".json" and rng.random() < 0.5:
        _restate(folder)


def _index(folder: Path, rng: np.random.Generator) -> None:
    """Let an index say something else."""
    index = read_index(folder / "index.json")
    value = _choice([*EXTREMES, "../outside", "/etc/passwd"], rng)
    if rng.random() < 0.5:
        return _restate(folder, **{_choice(list(index), rng): value})
    entry = index["shards"][0] | {_choice(list(index["shards"][0]), rng): value}
    return _restate(folder, shards=[entry] * int(rng.integers(1, 3)))


def _hdf5(folder: Path, rng: np.random.Generator) -> None:
    """Let a dataset be another one, elsewhere, or far larger, or say other things."""
    with h5py.File(folder / "all.h5", "r+") as file:
        places: list[Any] = [file]
        file.visititems(lambda _, item: places.append(item))
        name = _choice([place.name for place in places[1:]], rng)
        with suppress(TypeError, ValueError, OSError, KeyError, OverflowError):
            _edit_hdf5(file, name, _choice(places, rng), rng)
    _restate(folder)


def _edit_hdf5(file: h5py.File, name: str, place: Any, rng: np.random.Generator) -> None:
    old = file[name]
    shape, dtype = getattr(old, "shape", (1,)), getattr(old, "dtype", np.dtype("f4"))
    match int(rng.integers(10)):
        case 0:
            del file[name]
            file.create_dataset(name, (2 ** int(rng.integers(20, 34)),), dtype)
        case 1:
            del file[name]
            outside = [("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
            file.create_dataset(name, shape, dtype, external=outside)
        case 2:
            del file[name]
            file[name] = h5py.ExternalLink("/etc/passwd", "/")
        case 3:
            del file[name]
            file[name] = h5py.SoftLink(_choice(["/", name, "/nowhere"], rng))
        case 4:
            del file[name]
            file.create_dataset(name, (2**28,), dtype, chunks=(2**20,), compression="gzip")
        case 5:
            del file[name]
            layout = h5py.VirtualLayout(shape, dtype)
            layout[...] = h5py.VirtualSource("/etc/passwd", "x", shape)
            file.create_virtual_dataset(name, layout)
        case 6:
            del file[name]
            kinds = ["f8", "i1", "S3", "O", [("a", "i4")], h5py.string_dtype()]
            file.create_dataset(name, shape, _choice(kinds, rng))
        case 7:
            old[...] = rng.permutation(old[...].ravel()).reshape(shape)
        case 8:
            old[int(rng.integers(len(old)))] = _choice(EXTREMES[:14], rng)
        case _:
            attributes = [*place.attrs, "format"]
            place.attrs[_choice(attributes, rng)] = _choice(EXTREMES, rng)


def _parquet(folder: Path, rng: np.random.Generator) -> None:
    """Let a column be another one, or stand for far more, or be stored otherwise."""
    file = next(folder.glob("*.parquet"))
    whole = pq.ParquetFile(file).read()
    i = int(rng.integers(whole.num_columns))
    name, n = whole.column_names[i], whole.num_rows
    how: dict[str, Any] = {}
    with suppress(pa.ArrowException, TypeError, ValueError):
        match int(rng.integers(9)):
            case 0:
                n = 10 ** int(rng.integers(4, 8))
                column = pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), ["a"])
                whole = pa.table({name: column, "key": column})
                how = {"store_schema": False}
            case 1:
                texts = ["x" * 2**20] * n
                whole = whole.set_column(i, name, pa.array(texts).dictionary_encode())
                how = {"store_schema": False}
            case 2:
                whole = whole.drop_columns([name])
            case 3:
                kinds = [
                    *(pa.string(), pa.int8(), pa.float64(), pa.binary(), pa.list_(pa.int64())),
                    *(pa.duration("s"), pa.struct([("x", pa.null())]), pa.null()),
                ]
                kind = _choice(kinds, rng)
                whole = whole.set_column(i, name, pa.nulls(n, kind))
            case 4:
                whole = whole.set_column(i, name, whole[name].take(pa.array(rng.permutation(n))))
            case 5:
                how = {"compression": _choice(["zstd", "gzip", "brotli", "none"], rng)}
            case 6:
                whole = pa.concat_tables([whole] * int(rng.integers(2, 2000)))
            case 7:
                words = dict(whole.schema.metadata or {b"soundstage": b"{}"})
                word = _choice([w for w in words if w != b"ARROW:schema"] or [b"x"], rng)
                text = _choice(["", "{}", "[1]", "null", '{"a":' * 999, "\0"], rng)
                whole = whole.replace_schema_metadata(words | {word: text})
            case _:
                whole = whole.append_column(_choice(["key", "p_", "\x1b[2J"], rng), whole[name])
    pq.write_table(whole, file, **how)
    if (folder / "index.json").exists():
        _restate(folder)


def _text(folder: Path, rng: np.random.Generator) -> None:
    """Put what means something to CSV or XML somewhere into a text."""
    file = next(f for f in folder.iterdir() if f.suffix in (".csv", ".xml"))
    text = file.read_text("utf-8")
    long = "x" * 10 ** int(rng.integers(1, 7))
    words = [
        *('"', "\0", "\n", "\r", "\ufeff", ",", ";", "\t", "sep=|\n", "\x1b[2J", "é", long),
        *("<x>" * 10**4, "<x a='1'/>" * 10**5, f"<x {long}='1'/>", "&a;", "&#0;", "&lt;", "]]>"),
        *("<!DOCTYPE t [<!ENTITY a 'b'>]>", "<![CDATA[", "<!--", "<?x?>", "</track>", "<track>"),
        *("nan", "inf", "1e999", "-1e300", "0x10", "1_0", "\u0661", "1.0.0", ""),
    ]
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(text)))
        left = text[at + int(rng.integers(1, 8)) :] if rng.random() < 0.5 else text[at:]
        text = text[:at] + str(_choice(words, rng)) + left
    if rng.random() < 0.1:
        text = text.replace("UTF-8", str(_choice(["utf-7", "utf-16", "x", "idna", "zip"], rng)))
    encoding = str(_choice(["utf-8"] * 6 + ["utf-16", "utf-8-sig", "latin-1"], rng))
    file.write_bytes(text.encode(encoding, "replace"))


def _wide(folder: Path, rng: np.random.Generator) -> None:
    """Give a table many columns, or many rows."""
    n = 10 ** int(rng.integers(2, 5))
    head, first, *rest = (folder / "labels.csv").read_text("utf-8").splitlines()
    more = "".join(f",t{i}" for i in range(n)), ",0" * n
    lines = [head + more[0], first + more[1]] if rng.random() < 0.5 else [head, *[first] * n]
    (folder / "labels.csv").write_text("\n".join([*lines, *rest]), "utf-8")


KINDS = {
    "shard.h5": Kind(lambda f: _store(f, False), _read_store, (_bytes, _hdf5, _hdf5, _index)),
    "shard.parquet": Kind(lambda f: _store(f, True), _read_store, (_bytes, _parquet, _index)),
    "tracks": Kind(_tracks, lambda f: tracks.read(f / "tracks.parquet").rows(), (_bytes, _parquet)),
    "splits": Kind(_parts, lambda f: splits.read(f / "splits.parquet").table.rows(),
                   (_bytes, _parquet)),
    "view": Kind(_view, lambda f: views.read(f / "view.parquet").rows.rows(), (_bytes, _parquet)),
    "predictions": Kind(_predictions, _read_predictions, (_bytes, _parquet)),
    "labels.csv": Kind(_labels, _read_table, (_bytes, _text, _text, _wide)),
    "labels.parquet": Kind(lambda f: _table(f).write_parquet(f / "labels.parquet"), _read_table,
                           (_bytes, _parquet)),
    "analysis.xml": Kind(_analysis, lambda f: echonest_xml.read(f / "clip.mp3.xml").tobytes(),
                         (_bytes, _text, _text)),
}  # fmt: skip


def _choice(values: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


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
        mutation = _choice(KINDS[name].mutations, rng)
        mutation(mutant, rng)
        yield name, mutation.__name__.strip("_"), mutant
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

    The verdicts are `refused`, `same` and, where a file has no checksum, `other`.
    """
    write_valid(folder)
    return fuzz.in_children(__file__, folder, mutations, seed)


if __name__ == "__main__":
    fuzz.main(__doc__, run, _child)
