"""Indexes from a stranger: names that lead elsewhere, and words that no index says."""

import json
import os

import numpy as np
import pytest

import soundstage as ss
from soundstage import fingerprint
from soundstage.errors import SoundstageError
from soundstage.store.description import read_index
from soundstage.store.shards import Row

KEYS = [f"{i:x}" + 31 * "0" for i in range(16)]


@pytest.fixture
def folder(fill):
    rows = [Row(key, np.full(3, i, np.float32)) for i, key in enumerate(KEYS)]
    return fill("psd", rows, axes=("frequency",)).folder


def write(folder, index):
    """Write an index with the checksum that is right for it, as a stranger can."""
    index = {name: value for name, value in index.items() if name != "checksum"}
    text = json.dumps(index | {"checksum": fingerprint.digest(index)})
    (folder / "index.json").write_text(text)


def edited(folder, **changes):
    write(folder, read_index(folder / "index.json") | changes)


def with_entry(folder, **changes):
    first, *others = read_index(folder / "index.json")["shards"]
    edited(folder, shards=[first | changes, *others])


@pytest.mark.parametrize(
    "file", ["../../../outside.h5", "/etc/passwd", "./00.h5", "01.h5", "00.parquet", "", 3, None]
)
def test_a_shard_has_the_name_of_its_prefix(folder, file):
    with_entry(folder, file=file)
    with pytest.raises(SoundstageError, match="another name than its prefix gives it"):
        ss.open(folder.parent)["psd"]


@pytest.mark.parametrize(
    "change",
    [
        {"prefix": "../00"}, {"prefix": None}, {"prefix": 0}, {"rows": -1}, {"rows": True},
        {"rows": "4"}, {"rejected": None}, {"sha256": "0" * 63}, {"sha256": 5}, {"more": 1},
    ],
)  # fmt: skip
def test_an_entry_says_what_entries_say(folder, change):
    with_entry(folder, **change)
    with pytest.raises(SoundstageError, match="another name than its prefix gives it, or lacks"):
        ss.open(folder.parent)["psd"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dtype": "object"}, "its rows are of 'object'"),
        ({"dtype": "O"}, "its rows are of 'O'"),
        ({"dtype": None}, "'dtype' is missing, or of another kind"),
        ({"axes": "frequency"}, "'axes' is missing"),
        ({"axes": [3]}, "has no name"),
        ({"columns": [None]}, "has no name"),
        ({"shards": {}}, "'shards' is missing"),
        ({"shards": [7]}, "a shard has another name"),
        ({"sample_rate": "x"}, "rates are no numbers"),
        ({"code": []}, "'code' is missing"),
        ({"format": "1"}, "format 1, and this soundstage reads 1"),
        ({"format": None}, "format None"),
    ],
)
def test_a_strange_index_is_refused(folder, change, why):
    edited(folder, **change)
    with pytest.raises(SoundstageError, match=rf"{why}.*`dvc repro`"):
        ss.open(folder.parent)["psd"]


def test_no_prefix_is_there_twice(folder):
    entries = read_index(folder / "index.json")["shards"]
    edited(folder, shards=[entries[0], *entries])
    with pytest.raises(SoundstageError, match="two shards have one prefix"):
        ss.open(folder.parent)["psd"]


@pytest.mark.parametrize("text", ["[" * 99_999, "[]", "3", '{"a": NaN', "\xff", '{"a": "\\ud800"}'])
def test_what_is_no_index_is_damaged(folder, text):
    (folder / "index.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(SoundstageError, match=r"index\.json: damaged; run `soundstage repair`"):
        ss.open(folder.parent)["psd"]


def test_a_fifo_is_not_waited_for(folder):
    (folder / "index.json").unlink()
    os.mkfifo(folder / "index.json")
    with pytest.raises(SoundstageError, match=r"index\.json: not a regular file"):
        ss.open(folder.parent)["psd"]


@pytest.mark.parametrize(
    "change", [{"dtype": "float64"}, {"axes": ["a", "b"]}, {"axes": ["slice", "frequency"]}]
)
def test_rows_are_as_the_index_says(folder, change):
    edited(folder, **change)
    with pytest.raises(SoundstageError, match="another shard than its folder's index lists"):
        ss.open(folder.parent)["psd"][KEYS[0]]


@pytest.mark.parametrize("change", [{"rows": 3}, {"rejected": 1}])
def test_there_are_as_many_as_the_index_says(folder, change):
    with_entry(folder, **change)
    with pytest.raises(SoundstageError, match="another shard than its folder's index lists"):
        ss.open(folder.parent)["psd"][KEYS[0]]


def test_a_shard_under_anothers_name_is_refused(folder):
    """Its bytes are what the index says of it, but its rows belong to another prefix."""
    first, second, *others = read_index(folder / "index.json")["shards"]
    swapped = [
        first | {"sha256": second["sha256"]},
        second | {"sha256": first["sha256"]},
    ]
    one, other = folder / first["file"], folder / second["file"]
    one.rename(folder / "x")
    other.rename(one)
    (folder / "x").rename(other)
    edited(folder, shards=[*swapped, *others])
    with pytest.raises(SoundstageError, match="another shard than its folder's index lists"):
        ss.open(folder.parent)["psd"][KEYS[0]]


def test_columns_are_as_the_index_says(fill):
    rows = [Row(KEYS[0], np.ones(2))]
    folder = fill("stats", rows, axes=("column",), columns=("a", "b")).folder
    edited(folder, columns=["b", "a"])
    with pytest.raises(SoundstageError, match="another shard than its folder's index lists"):
        ss.open(folder.parent)["stats"][KEYS[0]]
