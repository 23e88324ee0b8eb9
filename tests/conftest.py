import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from filelock import FileLock

from soundstage import audio, fingerprint, numba_cache
from soundstage.store import shards
from soundstage.store.build import build
from soundstage.store.description import Description
from soundstage.store.read import Feature

RATE = 22050

numba_cache.warm(Path(__file__).parents[1] / ".soundstage")  # before tests import it at once


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def limits():
    return audio.Limits(audio.ffmpeg_binary("bundled"), timeout_seconds=30, max_seconds=60)


def write_tone(path: Path, *, hz: float, seconds: float, seed: int) -> None:
    """Write a tone with a little noise, of its own length of bytes, at half of full scale."""
    t = np.arange(int(seconds * RATE)) / RATE
    noise = 0.02 * np.random.default_rng(seed).standard_normal(t.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * hz * t) + noise, RATE)


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Return a function that makes a folder once for all processes that run tests."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def once(name, make):
        root, made = base / name, base / f"{name}.made"
        with FileLock(base / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(root, ignore_errors=True)
                root.mkdir()
                make(root)
                made.touch()
        return root

    return once


@pytest.fixture(scope="session")
def music(once) -> Path:
    """Three genres that differ in pitch, ten clips each, two of one artist; and two bad files."""
    return once("music", _write_music)


def _write_music(root: Path) -> None:
    pitch = np.random.default_rng(0)
    for genre, hz in {"bass": 150, "middle": 600, "treble": 2400}.items():
        for i in range(10):
            ending = "flac" if i % 2 else "wav"
            file = root / genre / f"{genre}ists{i // 2}" / f"{genre}{i}.{ending}"
            write_tone(file, hz=hz * pitch.uniform(0.8, 1.25), seconds=3.2, seed=i)
    (root / "bass" / "bassists0" / "broken.mp3").write_bytes(b"no music in here")
    (root / "notes.txt").write_text("not music either")


@pytest.fixture
def fill(tmp_path):
    """Return a function that fills a store folder of `tmp_path/data` with given rows."""

    def fill(name, rows, *, axes, rejections=(), columns=()):
        known = {row.key: row for row in [*rows, *rejections]}
        description = Description(
            name=name,
            kind=name,
            source="files",
            source_fingerprint="",
            parameters={},
            code={name: fingerprint.digest([shards.checksum(row.array) for row in rows])},
            libraries={},
            axes=axes,
            dtype=str(rows[0].array.dtype),
            unit="1",
            sample_rate=16000,
            columns=columns,
        )
        build(
            tmp_path / "data" / "store" / name,
            description,
            sorted(known),
            lambda _, keys: (known[key] for key in keys),
            clips_per_shard=4,
            cache=tmp_path / "cache",
        )
        return Feature(tmp_path / "data" / "store" / name)

    return fill
