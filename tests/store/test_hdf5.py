"""Shards from a stranger: HDF5 that reads other files, hangs, or makes up gigabytes."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from soundstage.errors import SoundstageError
from soundstage.store import shards
from soundstage.store.shards import Rejection, Row, Shard

KEYS = [f"{i:032x}" for i in range(1, 5)]
SECRET = b"root:x:0:0:" * 8


@pytest.fixture
def path(tmp_path):
    """A shard of four rows of shape (2, 3), with an attribute; a secret lies beside it."""
    rows = [Row(key, np.full((2, 3), i, np.float32), {"a": 1.0}) for i, key in enumerate(KEYS)]
    shards.write(
        tmp_path / "a.h5",
        rows,
        [Rejection("f" * 32, "empty", "no samples")],
        dtype="float32",
        axes=("band", "frame"),
    )
    (tmp_path / "secret").write_bytes(SECRET)
    return tmp_path / "a.h5"


def changed(path, name, make):
    """Put another thing in the place of a dataset."""
    with h5py.File(path, "r+") as file:
        values = file[name][:]
        del file[name]
        make(file, name, values)


def values(array):
    return lambda file, name, _: file.create_dataset(name, data=array)


def external(where):
    """A dataset of the right kind whose bytes are those of another file."""

    def make(file, name, old):
        into = [(str(Path(file.filename).with_name(where)), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(name, old.shape, old.dtype, external=into)

    return make


def external_link(file, name, old):
    other = Path(file.filename).with_name("other.h5")
    with h5py.File(other, "w") as there:
        there[name] = old
    file[name] = h5py.ExternalLink(str(other), name)


def soft_link(file, name, old):
    file["elsewhere"] = old
    file[name] = h5py.SoftLink("/elsewhere")


def virtual(file, name, old):
    other = Path(file.filename).with_name("other.h5")
    with h5py.File(other, "w") as there:
        there[name] = old
    layout = h5py.VirtualLayout(old.shape, old.dtype)
    layout[:] = h5py.VirtualSource(str(other), name, old.shape)
    file.create_virtual_dataset(name, layout)


def made_up(file, name, old):
    file.create_dataset(name, (2**40, *old.shape[1:]), old.dtype)


def compact(file, name, old):
    space, kind = h5py.h5s.create_simple(old.shape), h5py.h5t.py_create(old.dtype)
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(file.id, name.encode(), kind, space, plan).write(h5py.h5s.ALL, space, old)


DATASETS = ["data", "key", "offset", "shape", "checksum", "rejected", "attributes/a"]


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (external("secret"), "lies in another file"),
        (external("pipe"), "lies in another file"),
        (external_link, "is a link to elsewhere"),
        (soft_link, "is a link to elsewhere"),
        (virtual, "or of other files"),
        (made_up, "larger than what is there of it"),
        (compact, "is in chunks, or compressed"),
    ],
    ids=["external", "fifo", "external link", "soft link", "virtual", "fill values", "compact"],
)
def test_what_does_not_lie_in_the_file_is_refused_unread(path, name, make, why):
    os.mkfifo(path.with_name("pipe"))
    changed(path, name, make)
    with pytest.raises(SoundstageError, match=rf"a\.h5: not a readable shard \(.*{why}"):
        Shard(path)


def test_a_group_of_attributes_elsewhere_is_refused(path):
    with h5py.File(path, "r+") as file:
        del file["attributes"]
        file["attributes"] = h5py.ExternalLink(str(path.with_name("none.h5")), "/")
    with pytest.raises(SoundstageError, match="attributes is a link to elsewhere"):
        Shard(path)


def test_one_dataset_a_thousand_times_is_refused(path):
    with h5py.File(path, "r+") as file:
        for i in range(1000):
            file[f"attributes/b{i}"] = file["attributes/a"]
    size = path.stat().st_size
    assert size > 1000 * 4 * 8  # links take more than they point to here: it is read
    assert len(Shard(path).attributes) == 1001
    with h5py.File(path, "r+") as file:
        del file["data"], file["attributes"]
        file["data"] = np.zeros(10**6, np.float32)
        for name in ("offset", "shape", "key", "checksum"):
            del file[name]
        n = 20_000
        file["key"] = np.array([f"{i:032x}" for i in range(n)], "S32")
        file["checksum"] = np.full(n, b"0" * 16)
        file["shape"], file["offset"] = np.full((n, 2), (5, 10)), np.arange(n) * 50
        file["attributes/a"] = np.zeros(n)
        for i in range(1000):
            file[f"attributes/b{i}"] = file["attributes/a"]
    with pytest.raises(SoundstageError, match="larger than what is there of it"):
        Shard(path)


@pytest.mark.parametrize(
    ("name", "array", "why"),
    [
        ("shape", np.full((4, 2), -1), "impossible shapes"),
        ("shape", np.full((4, 2), 2**62), "impossible shapes"),
        ("shape", np.full((4, 2), (0, 2**40)), "impossible shapes"),
        ("shape", np.full((4, 2), (3, 3)), "do not fill its data"),
        ("shape", np.full((3, 2), (2, 3)), "no shapes"),
        ("shape", np.ones((4, 99), np.int64), "no shapes"),
        ("shape", np.full((4, 2), (2.0, 3.0)), "of another kind"),
        ("shape", np.full(4, 6), "of another kind"),
        ("offset", np.arange(4) * -6, "do not fill its data"),
        ("offset", np.array([0, 0, 0, 0]), "do not fill its data"),
        ("key", np.array(KEYS[::-1], "S32"), "not sorted"),
        ("key", np.array([KEYS[0]] * 4, "S32"), "twice"),
        ("key", np.array([*KEYS[:3], "f" * 32], "S32"), "twice"),
        ("key", np.array([*KEYS[:3], "../../../../../../../../../etc/ab"], "S32"), "no content"),
        ("key", np.array([*KEYS[:3], b"\xff" * 32], "S32"), "codec can't decode"),
        ("checksum", np.array(["0" * 16] * 3, "S16"), "no checksum"),
        ("rejected", np.frombuffer(b"[" * 99_999, np.uint8), "recursion"),
        ("rejected", np.frombuffer(b'[["a", "b", 3]]', np.uint8), "no text"),
        ("rejected", np.frombuffer(b'["abc"]', np.uint8), "no content hashes"),
        ("rejected", np.frombuffer(b'[["%s", "b"]]' % (b"f" * 32), np.uint8), "unpack"),
        ("rejected", np.frombuffer(b"[]\0", np.uint8), "Extra data"),
        ("attributes/a", np.zeros(3), "lacks an attribute"),
        ("data", np.zeros(24, "c8"), "its data are complex64"),
        ("data", np.zeros(24, ">f4"), "its data are >f4"),
        ("data", np.zeros(24, [("a", "f4")]), "its data are"),
    ],
)
def test_what_no_writer_says_is_refused(path, name, array, why):
    changed(path, name, values(array))
    with pytest.raises(SoundstageError, match=f"not a readable shard.*{why}"):
        Shard(path)


@pytest.mark.parametrize("name", ["key", "offset", "shape", "checksum", "rejected", "data"])
def test_what_is_missing_is_refused(path, name):
    with h5py.File(path, "r+") as file:
        del file[name]
    with pytest.raises(SoundstageError, match=f"it has no {name}"):
        Shard(path)


@pytest.mark.parametrize("name", ["a.h5", "a.parquet"])
def test_only_regular_files_are_opened(tmp_path, name):
    os.mkfifo(tmp_path / name)
    (tmp_path / "link").mkdir()
    for place in (tmp_path / name, tmp_path / "link" / name):
        if place.parent != tmp_path:
            place.symlink_to("/dev/zero")
        with pytest.raises(SoundstageError, match="not a regular file"):
            Shard(place)


def test_any_byte_of_a_shard_may_be_another(path, rng):
    """Read in a process of its own, with little memory and time: no crash, hang or other error."""
    code = """
import sys
from pathlib import Path
import numpy as np
from soundstage.errors import SoundstageError
from soundstage.store.shards import Shard
path, seed = Path(sys.argv[1]), int(sys.argv[2])
content, rng = path.read_bytes(), np.random.default_rng(seed)
refused = 0
for _ in range(400):
    changed = bytearray(content)
    for place in rng.integers(len(content), size=rng.integers(1, 4)):
        changed[place] = rng.integers(256)
    path.write_bytes(changed)
    try:
        shard = Shard(path)
        for key in shard.keys:
            shard.row(key)
    except SoundstageError:
        refused += 1
print(refused)
"""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
        signal.alarm(100)

    command = [sys.executable, "-c", code, str(path), str(rng.integers(2**31))]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
