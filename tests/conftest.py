from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundstage import audio

RATE = 22050


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
def music(tmp_path_factory) -> Path:
    """Three genres that differ in pitch, ten clips each, two of one artist; and two bad files."""
    root = tmp_path_factory.mktemp("music")
    pitch = np.random.default_rng(0)
    for genre, hz in {"bass": 150, "middle": 600, "treble": 2400}.items():
        for i in range(10):
            file = root / genre / f"artist{i // 2}" / f"{genre}{i}.{'flac' if i % 2 else 'wav'}"
            write_tone(file, hz=hz * pitch.uniform(0.8, 1.25), seconds=3.2, seed=i)
    (root / "bass" / "artist0" / "broken.mp3").write_bytes(b"no music in here")
    (root / "notes.txt").write_text("not music either")
    return root
