"""Arrays in files without a name, and what is computed of them block by block."""

import gc
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import soundfile

from soundstage import audio, paged
from soundstage.audio import Limits, ffmpeg_binary
from soundstage.dsp import stft
from soundstage.errors import SoundstageError
from soundstage.features.landmarks import landmarks
from soundstage.features.librosa_stats import librosa_stats
from soundstage.features.mel import mel
from soundstage.features.mfcc import mfcc
from soundstage.features.psd import psd
from soundstage.store import shards
from soundstage.store.shards import Row, Shard

LIMITS = Limits(ffmpeg_binary("bundled"), timeout_seconds=60, max_seconds=10_000)


@pytest.fixture
def everything_is_large(monkeypatch):
    monkeypatch.setattr(paged, "LARGE", 1)
    monkeypatch.setattr(paged, "BLOCK", 5000)


large = pytest.mark.usefixtures("everything_is_large")


def test_small_arrays_are_ordinary_ones():
    array = paged.empty((3, 4), np.float32)
    assert array.base is None
    paged.release(array)


@large
def test_a_large_array_keeps_its_values():
    array = paged.empty((1000, 70), "int32")
    for some in paged.blocks(array):
        array[some] = np.arange(70000).reshape(1000, 70)[some]
    part = array[3:].reshape(-1)
    paged.release(part)
    assert (array == np.arange(70000).reshape(1000, 70)).all()


@large
def test_blocks_follow_each_other():
    for shape in ((0,), (1,), (4999,), (5000,), (12345,), (7, 3000), (3, 9999), (5, 0)):
        array = np.zeros(shape)
        found = [i for some in paged.blocks(array) for i in range(len(array))[some]]
        assert found == list(range(len(array))), shape


@large
@pytest.mark.parametrize("sizes", [[10, 20], [30000, 1], [1] * 50, []])
def test_a_spool_holds_what_was_added(sizes):
    spool, content = paged.Spool(), [os.urandom(size) for size in sizes]
    for block in content:
        spool.add(block)
    assert spool.size == sum(sizes)
    assert spool.array(spool.size, np.uint8).tobytes() == b"".join(content)


@large
def test_a_spool_that_nobody_reads_leaves_no_file_open():
    spool = paged.Spool()
    spool.add(b"much")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del spool
        gc.collect()
    assert not [str(w.message) for w in caught if "unclosed file" in str(w.message)]


@large
def test_a_full_disk_is_said(monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(SoundstageError, match="No space left on device; make room there, or set"):
        paged.empty((100,), np.int8)


@pytest.fixture(params=["libav", "ffmpeg", "libsndfile"])
def decoded(request, tmp_path):
    """A way to decode a file of two channels, which have an odd number of samples."""
    y = np.random.default_rng(0).normal(0, 0.3, (33_333, 2)).clip(-1, 1)
    if request.param == "libsndfile":
        file = tmp_path / "big.wav"
        soundfile.write(file, y, 22050, endian="BIG")
    else:
        file = tmp_path / "two.flac"
        soundfile.write(file, y, 22050)
    way = Limits(**{**vars(LIMITS), "in_process": request.param != "ffmpeg"})
    return lambda dtype: audio.waveform(file, 16000, dtype, way)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float16", "float32"])
def test_a_waveform_in_blocks_is_the_same(decoded, dtype, monkeypatch):
    whole, about = decoded(dtype)
    monkeypatch.setattr(paged, "LARGE", 1)
    monkeypatch.setattr(paged, "BLOCK", 4096)
    stored, same = decoded(dtype)
    assert stored.tobytes() == whole.tobytes()
    # But for the order of sums: these blocks are shorter than those that numpy sums at once.
    assert same == pytest.approx(about, rel=1e-12)
    y, levels = audio.samples(whole), audio.samples(stored)
    assert levels.dtype == y.dtype
    assert levels.tobytes() == y.tobytes()


def test_a_level_is_summed_as_numpy_sums(monkeypatch):
    y = np.random.default_rng(0).normal(0, 0.3, 1_000_003).astype(np.float32)
    monkeypatch.setattr(paged, "BLOCK", 2**14)
    stored = audio.quantise(y, "int8")
    found = audio.level(y, stored)
    assert found["rms"] == np.mean(np.square(y, dtype=np.float64)) ** 0.5
    assert found["clipped"] == np.mean((y * 128 > 127.5) | (y * 128 < -128.5))


@pytest.mark.parametrize(
    ("feature", "dtype", "parameters"),
    [
        (psd, "int8", {}),
        (landmarks, "int8", {}),
        (landmarks, "int8", {"peak_frames": 200, "floor_db": 60.0}),
        (mel, "float32", {}),
        (mel, "float32", {"top_db": 40.0}),
        (mfcc, "float32", {}),
        (librosa_stats, "float32", {}),
        (librosa_stats, "float32", {"convention": "librosa-0.7"}),
    ],
)
def test_a_feature_in_blocks_is_the_same(feature, dtype, parameters, monkeypatch):
    y = np.random.default_rng(0).normal(0, 0.3, 200_001)
    y *= np.sin(np.arange(len(y)) / 3000) ** 2
    y = (y * 100).clip(-128, 127).astype(np.int8) if dtype == "int8" else y.astype(np.float32)
    whole = feature(y, 16000, **parameters)
    monkeypatch.setattr(paged, "LARGE", 1)
    monkeypatch.setattr(paged, "BLOCK", 4096)
    monkeypatch.setattr(stft, "SPAN", 7)
    mapped = paged.empty(y.shape, y.dtype)
    mapped[:] = y
    mapped.flags.writeable = False
    found = feature(mapped, 16000, **parameters)
    assert found.dtype == whole.dtype
    assert found.shape == whole.shape
    assert found.tobytes() == whole.tobytes()


def test_a_shard_of_large_rows_is_the_same(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [
        Row(f"{i:032x}", rng.normal(size=(n, 3)).astype(np.float32), {"rms": n / 7})
        for i, n in enumerate([1, 0, 3000, 2500])
    ]
    rejected = [shards.Rejection("f" * 32, "empty", "holds no samples")]
    write = {"dtype": "float32", "axes": ("frame", "column")}
    shards.write(tmp_path / "whole.h5", rows, rejected, **write)
    monkeypatch.setattr(paged, "LARGE", 1)
    monkeypatch.setattr(paged, "BLOCK", 1000)
    shards.write(tmp_path / "blocks.h5", rows, rejected, **write)
    assert (tmp_path / "blocks.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    shard = Shard(tmp_path / "blocks.h5")
    for row in rows:
        assert shard.array(row.key).tobytes() == row.array.tobytes()
        assert shard.intact(row.key)


@large
def test_damage_to_a_large_row_is_found(tmp_path):
    file = tmp_path / "rows.h5"
    rows = [Row(f"{i:032x}", np.full(20_000, i, np.int8)) for i in range(1, 3)]
    shards.write(file, rows, [], dtype="int8", axes=("sample",))
    content = bytearray(file.read_bytes())
    content[content.index(b"\2" * 100) + 15_000] ^= 1
    file.write_bytes(content)
    shard = Shard(file)
    assert (shard.array(rows[0].key) == 1).all()
    with pytest.raises(SoundstageError, match="is damaged"):
        shard.array(rows[1].key)


GROWTH = """
import resource, sys
from pathlib import Path
import librosa, numpy as np, scipy.fft
from soundstage import audio
from soundstage.features.mel import mel
from soundstage.features.psd import psd
from soundstage.store import shards
from soundstage.store.shards import Row, Shard

limits = audio.Limits(audio.ffmpeg_binary("bundled"), timeout_seconds=60, max_seconds=10_000)

def work(file):
    for sr, dtype, feature, axes in (
        (44100, "float32", mel, ("frequency", "frame")), (8000, "int8", psd, ("frequency", "frame"))
    ):
        y, about = audio.waveform(file, sr, dtype, limits)
        out = Path(sys.argv[3])
        shards.write(out, [Row("0" * 32, y, about)], [], dtype=dtype, axes=("sample",))
        y = audio.samples(Shard(out).row("0" * 32).array)
        row = Row("0" * 32, feature(y, sr))
        shards.write(out, [row], [], dtype="float32", axes=axes)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

work(Path(sys.argv[1]))
before = peak()
work(Path(sys.argv[2]))
print(peak() - before)
"""


def test_half_an_hour_takes_no_more_memory_than_its_blocks(tmp_path):
    short, long = tmp_path / "short.wav", tmp_path / "long.wav"
    y = np.random.default_rng(0).normal(0, 0.2, (8000 * 60)).clip(-1, 1)
    soundfile.write(short, y, 8000)
    soundfile.write(long, np.tile(y, 30), 8000)  # at 44,100 Hz 318 MB of float32
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, short, long, tmp_path / "rows.h5"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) < 150_000  # kB
