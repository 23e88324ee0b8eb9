import errno
import hashlib
import os

import h5py
import numpy as np
import psutil
import pytest

from soundstage.errors import SoundstageError
from soundstage.store import shards
from soundstage.store.shards import Rejection, Row, Shard


def key(i):
    return hashlib.sha256(bytes([i])).hexdigest()[:32]


@pytest.fixture
def rows(rng):
    return [
        Row(key(i), rng.standard_normal((3, n)).astype(np.float32), {"peak": float(i)})
        for i, n in enumerate([5, 0, 7, 1])
    ]


REJECTIONS = [Rejection(key(9), "undecodable", "says ffmpeg"), Rejection(key(8), "empty", "ü")]
KINDS = {"h5": {"axes": ("band", "frame")}, "parquet": {"axes": ("column",), "columns": ("a", "b")}}


def flat(rows):
    return [Row(r.key, np.array([r.attributes["peak"], 1], np.float32)) for r in rows]


@pytest.fixture(params=KINDS)
def written(request, tmp_path):
    """Return a function that writes rows to a shard of either kind."""
    suffix = request.param

    def write(rows_, name="a"):
        path = tmp_path / f"{name}.{suffix}"
        chosen = rows_ if suffix == "h5" else flat(rows_)
        shards.write(path, chosen, REJECTIONS, dtype="float32", **KINDS[suffix])
        return path, chosen

    return write


def test_what_was_written_is_read(written, rows):
    path, chosen = written(rows)
    shard = Shard(path)
    assert shard.keys == sorted(row.key for row in rows)
    for row in chosen:
        assert row.key in shard
        np.testing.assert_array_equal(shard.array(row.key), row.array)
        assert shard.array(row.key).dtype == np.float32
        assert shard.shapes[shard.position(row.key)] == row.array.shape
        assert shard.row(row.key).attributes == row.attributes
    assert shard.rejections == {r.key: r for r in REJECTIONS}
    assert key(9) not in shard


def test_equal_rows_give_equal_bytes_in_any_order(written, rows):
    first, _ = written(rows)
    second, _ = written(rows[::-1], "b")
    assert first.read_bytes() == second.read_bytes()


def test_a_shard_of_rejections_only(written):
    path, _ = written([])
    shard = Shard(path)
    assert shard.keys == []
    assert len(shard.rejections) == 2


@pytest.fixture
def spectra(tmp_path, rows):
    """An HDF5 shard."""
    path = tmp_path / "a.h5"
    shards.write(path, rows, [], dtype="float32", axes=("band", "frame"))
    return Shard(path)


def test_values_are_read_from_any_place_and_the_file_is_closed_when_they_are_forgotten(
    spectra, rows
):
    everything = np.concatenate([row.array.ravel() for row in sorted(rows, key=lambda r: r.key)])
    before = psutil.Process().num_fds()
    values = spectra.values()
    assert psutil.Process().num_fds() == before + 1
    found = np.empty((2, 5), np.float32)
    values.fill(shards.raw(found), 7)
    np.testing.assert_array_equal(found.ravel(), everything[7:17])
    del values
    assert psutil.Process().num_fds() == before
    spectra.array(rows[0].key)
    assert psutil.Process().num_fds() == before


def test_a_read_that_gives_a_part_is_gone_on_with(spectra, rows, monkeypatch):
    preadv = os.preadv

    def few(file, into, place):
        return preadv(file, [np.frombuffer(into[0], np.uint8)[:7]], place)

    monkeypatch.setattr(os, "preadv", few)
    for row in rows:
        np.testing.assert_array_equal(spectra.array(row.key), row.array)


def test_a_disk_that_fails_is_a_clear_error(spectra, rows, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(SoundstageError, match=r"a\.h5: Input/output error"):
        spectra.array(rows[0].key)


def test_a_dataset_in_chunks_is_no_shard(spectra):
    with h5py.File(spectra.path, "r+") as file:
        data = file["data"][:]
        del file["data"]
        file.create_dataset("data", data=data, compression="gzip")
    with pytest.raises(SoundstageError, match=r"not a readable shard.*compressed"):
        Shard(spectra.path)


def test_a_flipped_byte_is_found(tmp_path, rows):
    path = tmp_path / "a.h5"
    shards.write(path, rows, [], dtype="float32", axes=("band", "frame"))
    with h5py.File(path) as file:
        place = file["data"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    shard = Shard(path)
    with pytest.raises(SoundstageError, match="damaged"):
        shard.row(shard.keys[0])


@pytest.mark.parametrize("name", ["a.h5", "a.parquet"])
def test_what_is_no_shard_is_a_clear_error(tmp_path, name):
    (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(SoundstageError, match="not a readable shard"):
        Shard(tmp_path / name)


@pytest.mark.parametrize(
    "array", [np.zeros((3, 2)), np.zeros(3, np.float32)], ids=["dtype", "dimensions"]
)
def test_a_row_of_another_kind_is_refused_and_nothing_is_left(tmp_path, array):
    with pytest.raises(ValueError, match="expected float32"):
        shards.write(
            tmp_path / "a.h5", [Row(key(0), array)], [], dtype="float32", axes=("band", "frame")
        )
    assert not list(tmp_path.iterdir())


def test_a_feature_may_not_name_a_column_as_the_shards_own(tmp_path):
    row = Row("0" * 32, np.zeros(2, np.float32))
    with pytest.raises(ValueError, match=r"columns of its own named \['key'\]"):
        shards.write(
            tmp_path / "x.parquet",
            [row],
            [],
            dtype="float32",
            axes=("column",),
            columns=("key", "b"),
        )
