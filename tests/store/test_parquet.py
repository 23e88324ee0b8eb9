"""Shards from a stranger: Parquet that stands for far more than its own size."""

import hashlib
import subprocess
import sys
import time

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from soundstage.errors import SoundstageError
from soundstage.store import shards
from soundstage.store.rows import Rejection, Row
from soundstage.store.shards import Shard


def keys(n):
    return sorted(hashlib.sha256(str(i).encode()).hexdigest()[:32] for i in range(n))


def table(n=4, **others):
    return {"key": keys(n), "checksum": ["0" * 16] * n, "a": np.zeros(n), "b": np.ones(n), **others}


def write(path, columns, *, rejected=b"[]", **how):
    metadata = {"format": "1", "rejected": rejected}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path, **how)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.parquet"


def repeated(value, n):
    """A column that holds a value n times, as an entry of a dictionary."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([value]))


def test_what_was_written_is_read_whatever_its_rows(path, rng):
    """A constant column, not a number, and more rows than a shard ever has are no bomb."""
    n, columns = 20_000, [f"c{i}" for i in range(58)]
    values = np.where(rng.random(58) < 0.5, np.nan, 0).astype(np.float32)
    rows = [Row(key, values, source="theirs" if i % 2 else "") for i, key in enumerate(keys(n))]
    why = [Rejection("0" * 32, "empty", "no samples")]
    shards.write(path, rows, why, dtype="float32", axes=("column",), columns=columns)
    shard = Shard(path)
    np.testing.assert_array_equal(shard.array(rows[-1].key), values)
    assert set(shard.sources) == {row.key for row in rows[1::2]}
    assert shard.rejections == {"0" * 32: why[0]}


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (
            {"key": repeated("a" * 32, 10**7), "checksum": repeated("0" * 16, 10**7)}
            | {"a": np.zeros(10**7)},
            "10000000 rows of 3 columns are in",
        ),
        (
            table(20_000) | {f"c{i}": np.zeros(20_000) for i in range(900)},
            "20000 rows of 904 columns are in",
        ),
    ],
    ids=["rows", "columns"],
)
def test_more_than_a_file_can_hold_is_refused_at_once(path, columns, why):
    write(path, columns)
    before, memory = time.process_time(), psutil.Process().memory_info().rss
    with pytest.raises(SoundstageError, match=rf"a\.parquet: not a readable shard \({why}"):
        Shard(path)
    assert time.process_time() - before < 2
    assert psutil.Process().memory_info().rss - memory < 2**26


def test_a_long_text_many_times_takes_no_room(path):
    """Half a megabyte of text in each of 20,000 rows would be ten gigabytes."""
    write(path, table(20_000, source=repeated("s" * 2**19, 20_000)), compression="NONE")
    memory = psutil.Process().memory_info().rss
    assert len(Shard(path).sources) == 20_000
    assert psutil.Process().memory_info().rss - memory < 2**27


@pytest.mark.parametrize("compression", ["gzip", "zstd", "brotli"])
def test_other_compression_is_refused(path, compression):
    write(path, table(), compression=compression)
    with pytest.raises(SoundstageError, match="is compressed otherwise"):
        Shard(path)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"checksum": ["0" * 16], "a": [1.0]}, "key"),
        ({"key": keys(1), "a": [1.0]}, "checksum"),
        ({"key": keys(1), "checksum": ["0" * 16]}, "not numbers of one kind"),
        (table(a=["x"] * 4, b=["y"] * 4), "not numbers of one kind"),
        (table(a=[[1.0]] * 4), "not numbers of one kind"),
        (table(a=np.zeros(4, np.float32)), "not numbers of one kind"),
        (table(a=[1.0, None, 2.0, 3.0]), "a value is missing"),
        (table(key=[*keys(3), None]), "a value is missing"),
        (table(key=np.arange(4)), "no text|dictionary|none"),
        (table(key=keys(4)[::-1]), "not sorted"),
        (table(key=[keys(1)[0]] * 4), "twice"),
        (table(checksum=["0" * 15] * 4), "no checksum"),
        (table(a=np.zeros(4, "datetime64[s]"), b=np.zeros(4, "datetime64[s]")), "its columns are"),
    ],
)
def test_what_no_writer_says_is_refused(path, columns, why):
    write(path, columns)
    with pytest.raises(SoundstageError, match=f"not a readable shard.*({why})"):
        Shard(path)


@pytest.mark.parametrize(
    ("rejected", "why"),
    [
        (b"[" * 99_999, "recursion"),
        (b'[["%s", "a", "b"]]' % keys(1)[0].encode(), "twice"),
        (b"{}1", "Extra data"),
    ],
)
def test_strange_rejections_are_refused(path, rejected, why):
    write(path, table(), rejected=rejected)
    with pytest.raises(SoundstageError, match=why):
        Shard(path)


@pytest.mark.parametrize("seed", range(300))
def test_any_byte_of_a_shard_may_be_another(path, seed):
    rng = np.random.default_rng(seed)
    rows = [Row(key, rng.standard_normal(2)) for key in keys(6)]
    shards.write(path, rows, [], dtype="float64", axes=("column",), columns=("a", "b"))
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content), size=rng.integers(1, 4)):
        content[place] = rng.integers(256)
    path.write_bytes(content)
    try:
        shard = Shard(path)
        found = {key: shard.array(key) for key in shard.keys}
    except SoundstageError:
        return
    known = {row.key: row.array for row in rows}
    assert all(np.array_equal(array, known.get(key, array)) for key, array in found.items())


def test_reading_starts_no_threads(path):
    """Those of pyarrow, beside polars, end a process by `terminate` now and then, at its exit."""
    write(path, table())
    code = """
import sys
from pathlib import Path
import psutil
from soundstage.store.shards import Shard
before = psutil.Process().num_threads()
Shard(Path(sys.argv[1]))
print(psutil.Process().num_threads() - before)
"""
    command = [sys.executable, "-c", code, str(path)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"0\n"
