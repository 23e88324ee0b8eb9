"""Tables as they were written, and tables that stand for far more than their own size."""

import subprocess
import sys

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
from soundstage.untrusted_parquet import read

OURS = pl.DataFrame(
    {
        "track": ["a", "b", None],
        "tags": [["u", "vé"], [], None],
        "nested": [[["q"], []], [], None],
        "splits": [[{"split": "x", "part": "test"}], [], None],
        "target": [[True, False], [True, True], [False, False]],
        "n": [1, None, 3],
        "p": [0.1, 0.2, None],
        "empty": [None, None, None],
    },
    schema_overrides={"target": pl.Array(pl.Boolean, 2), "empty": pl.String},
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.parquet"


@pytest.mark.parametrize("rows", [3, 1, 0])
def test_a_table_comes_back_as_it_was_written(path, rows):
    write_parquet(path, OURS.head(rows), {"soundstage": "wörter"})
    found, words = read(path)
    assert found.schema == OURS.schema
    assert found.equals(OURS.head(rows))
    assert words["soundstage"] == "wörter"
    found, _ = read(path, columns=("n", "track"))
    assert found.equals(OURS.head(rows).select("n", "track"))


def test_what_is_no_table_is_told_in_a_line_with_the_way_back(path):
    with pytest.raises(SoundstageError, match=r"a\.parquet: no such file; run `dvc repro`$"):
        read(path)
    path.write_bytes(b"PAR1 is not all of it PAR1")
    with pytest.raises(SoundstageError, match=r"a\.parquet: no readable table .*; go back$"):
        read(path, "go back")
    OURS.write_parquet(path)
    with pytest.raises(SoundstageError, match=r"no readable table .*artist"):
        read(path, columns=("artist",))


def test_a_text_that_is_none_is_refused(path):
    pl.DataFrame({"track": ["abcdefgh"] * 3}).write_parquet(path, compression="uncompressed")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"abcdefgh", b"abc\xff\xfffgh"))
    with pytest.raises(SoundstageError, match=r"no readable table .*UTF8"):
        read(path)


# Without the schema of Arrow, a column of repeated text is one of text.
BARE = {"store_schema": False, "dictionary_pagesize_limit": 2**22}


def _repeated(value, n):
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([value]))


def _lists(value, n):
    offsets = pa.array(np.arange(n + 1, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, _repeated(value, n).cast(pa.string()))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"track": _repeated("a", 10**7)}, "10000000 rows of 1 columns are in"),
        ({"track": _repeated("a" * 2**20, 2000)}, "its texts are larger"),
        (
            {"tags": _lists("a" * 2**20, 500), "i": np.random.default_rng(0).random(500)},
            "its texts are larger",
        ),
        ({"when": pa.array([0], pa.duration("s"))}, "a column is of duration"),
        ({"bytes": pa.array([b"x"])}, "a column is of binary"),
        ({"struct": pa.array([[{"x": b"1"}]])}, "a column is of binary"),
    ],
    ids=["rows", "texts", "texts in lists", "duration", "binary", "struct"],
)
def test_what_stands_for_far_more_than_its_size_is_refused(path, columns, reason):
    how = BARE if reason == "its texts are larger" else {}
    pq.write_table(pa.table(columns), path, **how)
    with pytest.raises(SoundstageError, match=reason):
        read(path)


def test_texts_that_repeat_take_no_memory_before_they_are_refused(path):
    pq.write_table(pa.table({"track": _repeated("a" * 2**20, 4000)}), path, **BARE)
    code = """
import resource, sys
from pathlib import Path
from soundstage.errors import SoundstageError
from soundstage.untrusted_parquet import read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read(Path(sys.argv[1]))
except SoundstageError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    command = [sys.executable, "-c", code, str(path)]
    taken = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert taken < 100_000  # kB, of 4 GB
