"""What grows with the data set: the time of one more track, and the memory of a stage."""

import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from measure import Line, median, seconds
from music import music
from project import Project

SMALL, LARGE, ROUNDS = 1_000, 10_000, 5
# Compiled code is kept on disk, ours and librosa's; to compile takes as much memory as a shard. The
# store's arrays are read-only, and numba compiles for such apart.
COMPILE = """
import sys
sys.path.insert(0, "src")
from soundstage import numba_cache, paths
from soundstage.features.psd import psd
import numpy as np
numba_cache.warm(paths.kept())
y = np.ones(4096, np.int8)
y.flags.writeable = False
psd(y, 16000)
"""
PEAK = (
    COMPILE
    + """
import re
from pathlib import Path
from soundstage import params
from soundstage.extraction import extract
def kb(what):
    return int(re.search(what + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
loaded = params.load()
before = kb("VmRSS")
extract(loaded, "psd")
print(1024 * (kb("VmHWM") - before))  # not ru_maxrss, which counts the process that started this
"""
)


def _tone(file: Path, i: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, 0.5 * np.sin(np.arange(1600) * (0.1 + i * 1e-5)), 16000)


def _filled(root: Path, n: int) -> tuple[Project, Path]:
    music = root / f"music{n}"
    for i in range(n):
        _tone(music / "tones" / f"{i}.wav", i)
    project = Project.on(root / f"project{n}", music, clips_per_shard=64)
    project.run("dvc", "repro", "-q", "features@psd")
    return project, music


def growth(root: Path) -> Line:
    """Measure `dvc repro` after one more file came, in a large and in a small data set."""
    large, small = _filled(root, LARGE), _filled(root, SMALL)
    times, most = [], 0
    for i in range(ROUNDS):
        pair = []
        for project, folder in (large, small):
            _tone(folder / "tones" / f"new{i}.wav", LARGE + i)
            before = project.inodes()
            pair.append(seconds(partial(project.run, "dvc", "repro", "features@psd")))
            new = dict(project.inodes().items() - before.items())
            most = max(most, *Counter(name.partition("/")[0] for name in new).values())
        times.append(pair)
    return Line(
        f"one more track in {LARGE:,} clips of 0.1 s",
        f"the same in {SMALL:,}",
        median([a for a, _ in times]),
        median([b for _, b in times]),
        median([a / b for a, b in times]),
        1.5,
        faster=False,
        agreement=f"at most {most} new shards a feature",
        bound="DVC's look at each of the store's files, and the listing, which asks each file's "
        "time and size",
    )


def memory(root: Path) -> Line:
    """Measure the peak memory of the PSD's stage, of 4 shards and of 16, in the stage's process.

    A shard has 64 clips of 30 s, as of MagnaTagATune: smaller ones would measure the libraries.
    """
    y = music(30 * 16000, 16000).clip(-1, 1)
    peaks = []
    for n in (256, 1024):
        folder = root / f"clips{n}"
        for i in range(n):
            file = folder / "chords" / f"{i}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, np.roll(y, 601 * i), 16000, subtype="PCM_U8")
        project = Project.on(root / f"memory{n}", folder, clips_per_shard=64)
        project.environment["SOUNDSTAGE_JOBS"] = "1"
        project.run("python", "stages/fetch.py")
        project.run("python", "stages/decode.py", "pcm8")
        project.run("python", "-c", COMPILE)
        said = project.run("python", "-c", PEAK).splitlines()[-1]
        largest = max(f.stat().st_size for f in (project.root / "data/store/psd").glob("*.h5"))
        peaks.append((int(said), largest))
    (few, largest_of_few), (many, largest) = peaks
    return Line(
        "peak memory of a feature's stage, 1,024 clips of 30 s",
        "its largest shard",
        many / 1e6,
        largest / 1e6,
        many / largest,
        3,
        faster=False,
        agreement=f"{few / largest_of_few:.2f} for 256 clips",
        bound="the rows of a shard, and the file that they make, are in memory once each; what the "
        "process has before is left out",
        unit="MB",
    )


def measure() -> list[Line]:
    """Measure both; about eight minutes."""
    with tempfile.TemporaryDirectory() as folder:
        return [growth(Path(folder)), memory(Path(folder))]
