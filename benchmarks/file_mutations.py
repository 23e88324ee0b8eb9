"""What `fuzz_files.py` does to files: changed bytes, and what a stranger could have written."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import fuzz
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_models import EXTREMES

from soundstage import fingerprint
from soundstage.store.description import read_index


def _choice(values: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


def restate(folder: Path, **changes: Any) -> None:
    """Write the index that a stranger would, who knows the format: with the right checksums."""
    index = json.loads((folder / "index.json").read_text())
    for entry in index["shards"]:
        with suppress(OSError, TypeError):
            content = (folder / entry["file"]).read_bytes()
            entry["sha256"] = hashlib.sha256(content).hexdigest()
    index = {name: value for name, value in (index | changes).items() if name != "checksum"}
    text = json.dumps(index | {"checksum": fingerprint.digest(index)})
    (folder / "index.json").write_text(text)


def any_bytes(folder: Path, rng: np.random.Generator) -> None:
    """Change bytes of any file, and in half of the cases of the index too, as if it were so."""
    file = _choice(sorted(folder.iterdir()), rng)
    change = fuzz.HARMFUL[rng.integers(len(fuzz.HARMFUL))]
    file.write_bytes(change(file.read_bytes(), rng))
    if (folder / "index.json").exists() and file.suffix != ".json" and rng.random() < 0.5:
        restate(folder)


def other_index(folder: Path, rng: np.random.Generator) -> None:
    """Let an index say something else."""
    index = read_index(folder / "index.json")
    value = _choice([*EXTREMES, "../outside", "/etc/passwd"], rng)
    if rng.random() < 0.5:
        return restate(folder, **{_choice(list(index), rng): value})
    entry = index["shards"][0] | {_choice(list(index["shards"][0]), rng): value}
    return restate(folder, shards=[entry] * int(rng.integers(1, 3)))


def other_hdf5(folder: Path, rng: np.random.Generator) -> None:
    """Let a dataset be another one, elsewhere, or far larger, or say other things."""
    with h5py.File(folder / "all.h5", "r+") as file:
        places: list[Any] = [file]
        file.visititems(lambda _, item: places.append(item))
        name = _choice([place.name for place in places[1:]], rng)
        with suppress(TypeError, ValueError, OSError, KeyError, OverflowError):
            _edit_hdf5(file, name, _choice(places, rng), rng)
    restate(folder)


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


def other_parquet(folder: Path, rng: np.random.Generator) -> None:
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
        restate(folder)


def other_text(folder: Path, rng: np.random.Generator) -> None:
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


def many_columns_or_rows(folder: Path, rng: np.random.Generator) -> None:
    """Give a table many columns, or many rows."""
    n = 10 ** int(rng.integers(2, 5))
    head, first, *rest = (folder / "labels.csv").read_text("utf-8").splitlines()
    more = "".join(f",t{i}" for i in range(n)), ",0" * n
    lines = [head + more[0], first + more[1]] if rng.random() < 0.5 else [head, *[first] * n]
    (folder / "labels.csv").write_text("\n".join([*lines, *rest]), "utf-8")
