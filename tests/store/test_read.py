import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import polars as pl
import pytest

import soundstage as ss
from soundstage import fingerprint, store
from soundstage.store.build import build
from soundstage.store.description import Description
from soundstage.store.shards import Rejection, Row

KEYS = [f"{i:032x}" for i in range(1, 6)]


@pytest.fixture
def data(tmp_path):
    """A data folder with one feature of four clips and one that was rejected."""

    def compute(_prefix, keys):
        for key in keys:
            if key == KEYS[4]:
                yield Rejection(key, "undecodable", "is text")
            else:
                yield Row(key, np.full((2, int(key)), 1, np.float32))

    description = Description(
        name="mel",
        kind="mel",
        source="audio",
        source_fingerprint="",
        parameters={},
        code={},
        libraries={},
        axes=("band", "frame"),
        dtype="float32",
        unit="dB",
        sample_rate=8000,
    )
    build(
        tmp_path / "store" / "mel",
        description,
        KEYS,
        compute,
        clips_per_shard=2,
        cache=tmp_path / "cache",
    )
    tracks = pl.DataFrame({"track": [f"t{i}" for i in range(1, 6)], "key": KEYS})
    tracks.write_parquet(tmp_path / "tracks.parquet")
    return tmp_path


def test_by_name_and_by_key(data):
    mel = ss.open(data / "store")["mel"]
    assert mel["t3"].shape == (2, 3)
    np.testing.assert_array_equal(mel["t3"], mel[KEYS[2]])
    assert len(mel) == 4
    assert repr(mel) == "<mel: 4 clips, float32 (band, frame), dB>"


def test_rows_are_read_only(data):
    with pytest.raises(ValueError, match="read-only"):
        ss.open(data / "store")["mel"]["t1"][0] = 2


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ("t5", r"t5: quarantined \(undecodable\): is text"),
        ("t33", "no track 't33'; did you mean 't3'"),
        ("f" * 32, "no shard for ffff.*run `dvc repro`"),
    ],
)
def test_a_missing_clip_is_an_error_that_names_it(data, clip, message):
    with pytest.raises(ss.SoundstageError, match=message):
        ss.open(data / "store")["mel"][clip]


def test_what_has_an_array_is_in_it(data):
    mel = ss.open(data / "store")["mel"]
    assert list(mel) == KEYS[:4]
    assert all(key in mel for key in mel)
    assert "t3" in mel
    for absent in ("t5", KEYS[4], "t33", "reel.00000", "bed", "f" * 32):  # rejected, or no clip
        assert absent not in mel
    assert mel.accounts_for(KEYS[4])


def test_a_missing_feature_or_store(data):
    assert list(ss.open(data / "store")) == ["mel"]
    with pytest.raises(ss.SoundstageError, match="no 'mell'; did you mean 'mel'"):
        ss.open(data / "store")["mell"]
    with pytest.raises(ss.SoundstageError, match="run `dvc repro`"):
        ss.open(data / "nowhere")


def test_another_format_is_refused(data):
    file = data / "store" / "mel" / "index.json"
    index = json.loads(file.read_text()) | {"format": 99}
    index["checksum"] = fingerprint.digest({k: v for k, v in index.items() if k != "checksum"})
    file.write_text(json.dumps(index))
    with pytest.raises(ss.SoundstageError, match="format 99, and this soundstage reads 1"):
        ss.open(data / "store")["mel"]


def test_table(data):
    table = ss.open(data / "store")["mel"].table()
    assert table["key"].to_list() == KEYS[:4]
    assert table["shape"].to_list() == [[2, 1], [2, 2], [2, 3], [2, 4]]


@pytest.fixture
def table(fill):
    """A feature of named columns: Parquet shards."""
    rng = np.random.default_rng(0)
    rows = [Row(key, rng.standard_normal(3).astype(np.float32)) for key in KEYS[:4]]
    why = [Rejection(KEYS[4], "empty", "no samples")]
    return fill("stats", rows, axes=("column",), columns=("a", "b", "c"), rejections=why)


def bits(key):
    return "".join(f"{int(digit, 16):04b}" for digit in key)


def test_plain_h5py_reads_it_with_the_help_of_the_format_only(data):
    folder = data / "store" / "mel"
    index = json.loads((folder / "index.json").read_text())
    found, rejected = {}, {}
    for entry in index["shards"]:
        content = (folder / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        with h5py.File(folder / entry["file"]) as shard:
            assert shard.attrs["format"] == index["format"]
            assert shard["data"].dtype == index["dtype"]
            assert shard["data"].chunks is None
            assert len(shard["key"]) == entry["rows"]
            for i, key in enumerate(shard["key"].asstr()[:]):
                assert bits(key).startswith(entry["prefix"])
                start, shape = shard["offset"][i], shard["shape"][i]
                row = shard["data"][start : start + shape.prod()].reshape(shape)
                assert row.ndim == len(index["axes"])
                digest = hashlib.blake2b(row.tobytes(), digest_size=8).hexdigest()
                assert shard["checksum"].asstr()[i] == digest
                found[key] = row
            for key, reason, message in json.loads(shard["rejected"][:].tobytes()):
                rejected[key] = reason, message
    assert rejected == {KEYS[4]: ("undecodable", "is text")}
    assert found.keys() == set(KEYS[:4])
    names = dict(pl.read_parquet(data / "tracks.parquet").iter_rows())
    for i in range(1, 5):
        np.testing.assert_array_equal(found[names[f"t{i}"]], np.full((2, i), 1))


def test_the_formats_own_example_runs(data):
    text = Path(store.__file__).with_name("FORMAT.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (path,) = re.findall(r'"(.*?\.h5)"', example)
    feature = ss.open(data / "store")["mel"]
    shard = next(shard for shard in feature.shards() if shard.keys)
    scope = {}
    exec(example.replace(path, str(shard.path)), scope)
    np.testing.assert_array_equal(scope["row"], shard.array(shard.keys[0]))


@pytest.mark.parametrize("read", [pl.read_parquet, pd.read_parquet], ids=["polars", "pandas"])
def test_polars_and_pandas_read_the_parquet_shards(read, table):
    columns = list(table.index["columns"])
    found = {}
    for entry in table.index["shards"]:
        frame = read(table.folder / entry["file"])
        assert list(frame.columns) == ["key", "checksum", *columns]
        values = frame[columns].to_numpy()
        assert values.dtype == table.index["dtype"]
        for key, checksum, row in zip(frame["key"], frame["checksum"], values, strict=True):
            assert hashlib.blake2b(row.tobytes(), digest_size=8).hexdigest() == checksum
            found[key] = row
    assert found.keys() == set(KEYS[:4])
    for key, row in found.items():
        np.testing.assert_array_equal(table[key], row)


def test_opening_imports_neither_torch_nor_librosa_and_takes_no_time(data):
    code = """
import sys, time
import soundstage as ss
ss.open(sys.argv[1])["mel"]
print(time.process_time(), [m for m in ("torch", "librosa", "numba", "dvc") if m in sys.modules])
"""
    command = [sys.executable, "-c", code, data / "store"]
    seconds = []
    for _ in range(3):  # other processes may be in the way of one, hardly of all
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        taken, _, modules = done.stdout.strip().partition(" ")
        assert modules == "[]"
        seconds.append(float(taken))
    assert min(seconds) < 1
