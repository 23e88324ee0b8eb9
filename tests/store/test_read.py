import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import soundstage as ss
from soundstage.store.build import Description, build
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
        parameters={},
        fingerprint="a" * 32,
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


def test_a_missing_feature_or_store(data):
    assert list(ss.open(data / "store")) == ["mel"]
    with pytest.raises(ss.SoundstageError, match="no 'mell'; did you mean 'mel'"):
        ss.open(data / "store")["mell"]
    with pytest.raises(ss.SoundstageError, match="run `dvc repro`"):
        ss.open(data / "nowhere")


def test_another_format_is_refused(data):
    file = data / "store" / "mel" / "index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))
    with pytest.raises(ss.SoundstageError, match="format 99, and this soundstage reads 1"):
        ss.open(data / "store")["mel"]


def test_table(data):
    table = ss.open(data / "store")["mel"].table()
    assert table["key"].to_list() == KEYS[:4]
    assert table["shape"].to_list() == [[2, 1], [2, 2], [2, 3], [2, 4]]


def test_opening_imports_neither_torch_nor_librosa():
    code = "import soundstage, sys; print([m for m in ('torch', 'librosa') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
