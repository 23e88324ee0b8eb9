"""Only what was written is handed out: bits that changed behind the back of everything."""

import os

import h5py
import numpy as np
import pytest
from damage import flip

import soundstage as ss
from soundstage.errors import SoundstageError
from soundstage.store import shards, values
from soundstage.store.read import Feature
from soundstage.store.shards import Rejection, Row, Shard

KEYS = [f"{i:032x}" for i in range(1, 7)]


@pytest.fixture(params=[7, 150_000], ids=["small", "large"])
def feature(request, fill, rng):
    """A feature of two shards, of six rows with an attribute and a rejection."""
    rows = [
        Row(key, rng.standard_normal(request.param + i).astype(np.float32), {"level": float(i)})
        for i, key in enumerate(KEYS)
    ]
    why = [Rejection("0" * 32, "empty", "no samples at all")]
    feature = fill("audio", rows, axes=("sample",), rejections=why)
    feature.rows = {row.key: row.array for row in rows}
    return feature


def shard_of(feature, key):
    prefix = next(p for p in feature.prefixes if f"{int(key, 16):0128b}".startswith(p))
    return feature.folder / f"{prefix or 'all'}.h5"


def test_a_bit_of_a_row_is_found_at_its_first_read_and_others_are_served(feature):
    path = shard_of(feature, KEYS[2])
    with h5py.File(path) as file:
        others = file["key"].asstr()[:].tolist()
        i = others.index(KEYS[2])
        place = file["data"].id.get_offset() + 4 * int(file["offset"][i])
    flip(path, place + 1)
    again = ss.open(feature.folder.parent)["audio"]
    small = path.stat().st_size <= shards.SMALL
    message = "damaged, or not the file" if small else f"row {KEYS[2]} is damaged"
    with pytest.raises(SoundstageError, match=rf"{path.name}: {message}.*run `soundstage repair`"):
        again[KEYS[2]]
    whole = [key for key in KEYS if not (small and key in others) and key != KEYS[2]]
    for key in whole:
        np.testing.assert_array_equal(again[key], feature.rows[key])
    assert len(whole) >= 2
    flip(path, place + 1)
    np.testing.assert_array_equal(Feature(feature.folder)[KEYS[2]], feature.rows[KEYS[2]])


def test_a_row_is_checked_once_a_process_and_again_after_a_write(feature, monkeypatch):
    path = shard_of(feature, KEYS[2])
    hashed = []
    digest = values.digest
    monkeypatch.setattr(values, "digest", lambda room: hashed.append(1) or digest(room))
    for _ in range(3):
        Shard(path).array(KEYS[2])
    assert len(hashed) == 1
    os.utime(path)
    Shard(path).array(KEYS[2])
    assert len(hashed) == 2


def test_a_piece_of_a_row_is_handed_out_only_if_the_row_is_whole(feature):
    path = shard_of(feature, KEYS[2])
    with h5py.File(path) as file:
        i = file["key"].asstr()[:].tolist().index(KEYS[2])
        first, end = (
            int(file["offset"][i]),
            file["data"].id.get_offset() + 4 * int(file["data"].size),
        )
    flip(path, end - 1)  # the last value of the last row
    last = Shard(path)
    read, piece = last.values(), np.empty(2, np.float32)
    start = last.starts[-1]
    with pytest.raises(SoundstageError, match=f"row {last.keys[-1]} is damaged"):
        read.fill(shards.raw(piece), start)
    with pytest.raises(SoundstageError, match=f"row {last.keys[-1]} is damaged"):
        read.fill(shards.raw(piece), start - 1)  # reaches into it
    if i != len(last.keys) - 1:
        read.fill(shards.raw(piece), first + 1)
        np.testing.assert_array_equal(piece, feature.rows[KEYS[2]][1:3])


def test_values_of_some_rows_are_checked_before_any_is_read(feature):
    path = shard_of(feature, KEYS[0])
    with h5py.File(path) as file:
        first, *others = file["key"].asstr()[:]
        place = file["data"].id.get_offset()
    flip(path, place + 4)  # the second value of the first row
    shard, row = Shard(path), np.empty(2, np.float32)
    shard.values_of({others[0], "f" * 32}).fill(shards.raw(row), shard.starts[1])
    np.testing.assert_array_equal(row, feature.rows[others[0]][:2])
    with pytest.raises(SoundstageError, match=f"row {first} is damaged; run `soundstage repair`"):
        shard.values_of({first, *others})


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("rejected", lambda feature: feature.rejections()),
        ("attributes/level", lambda feature: feature.table()),
        ("checksum", lambda feature: feature.table()),
        ("key", lambda feature: list(feature)),
        ("key", lambda feature: feature.table()),
        ("checksum", lambda feature: [feature[key] for key in KEYS]),
        ("attributes/level", lambda feature: [feature.shard_of(k).row(k) for k in KEYS]),
        ("key", lambda feature: [feature[key] for key in KEYS]),
        ("shape", lambda feature: feature.table()),
        ("offset", lambda feature: [feature[key] for key in KEYS]),
    ],
)
def test_any_bit_beside_the_rows_is_found_before_it_is_handed_out(feature, name, use):
    path = shard_of(feature, KEYS[0])
    with h5py.File(path) as file:
        places = range(file[name].id.get_offset(), file[name].id.get_offset() + file[name].nbytes)
    use(feature)
    for place in places:
        for bit in (1, 64):
            flip(path, place, bit)
            with pytest.raises(SoundstageError, match=r"run `(soundstage repair|dvc repro)`"):
                use(Feature(feature.folder))
            flip(path, place, bit)
    use(Feature(feature.folder))


def test_of_an_empty_row_the_shape_is_checked(fill, monkeypatch):
    monkeypatch.setattr(shards, "SMALL", 0)
    rows = [Row(key, np.zeros((3, n), np.float32)) for key, n in zip(KEYS, (0, 4), strict=False)]
    feature = fill("mel", rows, axes=("band", "frame"))
    assert feature[KEYS[0]].shape == (3, 0)
    path = shard_of(feature, KEYS[0])
    with h5py.File(path) as file:
        place = file["shape"].id.get_offset()
    flip(path, place, 4)
    again = Feature(feature.folder)
    with pytest.raises(SoundstageError, match="damaged, or not the file"):
        again[KEYS[0]]
    np.testing.assert_array_equal(again[KEYS[1]], rows[1].array)


def test_any_bit_of_a_table_is_found_when_it_is_opened(fill, rng):
    rows = [Row(key, rng.standard_normal(3)) for key in KEYS[:3]]
    feature = fill("stats", rows, axes=("column",), columns=("a", "b", "c"))
    path = feature.folder / "all.parquet"
    for place in rng.choice(path.stat().st_size, 100, replace=False):
        flip(path, int(place))
        with pytest.raises(SoundstageError, match=r"all\.parquet: damaged, or not the file"):
            Feature(feature.folder)[KEYS[0]]
        flip(path, int(place))
