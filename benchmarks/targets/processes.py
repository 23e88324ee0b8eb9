"""Two worker processes on the whole way from files to features, against what two cores give.

The reference is not a program but the machine: how much faster two plain loops, which share
nothing but the processor, end in two processes than one after the other.
"""

import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from measure import Line, median, seconds
from music import music
from project import Project

SMALL, LARGE = 96, 1000  # clips; GTZAN has 1,000
SR, ROUNDS = 22050, 3
LOOP = "x = 0\nfor i in range(25_000_000):\n    x += i & 7\n"
STAGES = ("decode.py audio22k", "features.py mfcc", "features.py librosa_stats")
BOUND = (
    "Python and the imports of librosa and scipy, about {:.0f} s before the first clip of each of "
    "the three stages, which no second process shortens; {:.2f} of the plain gain is left of what "
    "comes after"
)


def _loops(n_processes: int) -> None:
    """Run two loops, in one process after the other or in two at a time."""
    waiting = [LOOP + LOOP] if n_processes == 1 else [LOOP, LOOP]
    running = [subprocess.Popen([sys.executable, "-c", code]) for code in waiting]
    for process in running:
        process.wait()


def _filled(root: Path, n: int) -> Project:
    """Return a project on `n` clips: the same music, each clip from another moment on."""
    y = music(30 * SR, SR).clip(-1, 1)
    for i in range(n):
        file = root / "music" / "chords" / f"{i}.flac"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, np.roll(y, 601 * i), SR)
    project = Project.on(root / "project", root / "music", clips_per_shard=8)
    project.run("python", "stages/fetch.py")
    return project


def _store(project: Project, n_jobs: int) -> None:
    """Decode all clips and compute two features, from nothing."""
    for folder in ("data/store", ".soundstage/shards"):
        shutil.rmtree(project.root / folder, ignore_errors=True)
    project.environment["SOUNDSTAGE_JOBS"] = str(n_jobs)
    for stage in STAGES:
        project.run("python", *f"stages/{stage}".split())


def _line(n: int, times: list[tuple[float, float]], plain: list[float], bound: str) -> Line:
    gains = [one / two for one, two in times]
    return Line(
        f"two processes, decode and features of {n:,} clips",
        f"gain of two plain loops: {median(plain):.2f}; ours: {median(gains):.2f}",
        median(two for _, two in times),
        median(one for one, _ in times),
        median(gain / bare for gain, bare in zip(gains, plain, strict=True)),
        0.9,
        faster=True,
        bound=bound,
    )


def measure() -> list[Line]:
    """Measure the gain of a second process in a small and in a large data set; ten minutes."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = (_filled(Path(folder, str(n)), n) for n in (SMALL, LARGE))
        _store(small, 2)  # so that everything is compiled
        _store(large, 1)
        of_small: list[tuple[float, float]] = []
        of_large: list[tuple[float, float]] = []
        plain = []
        for _ in range(ROUNDS):
            for times, project in ((of_small, small), (of_large, large)):
                one, two = (seconds(partial(_store, project, n_jobs)) for n_jobs in (1, 2))
                times.append((one, two))
            plain.append(seconds(lambda: _loops(1)) / seconds(lambda: _loops(2)))
    # What the clips cost that the large data set has more of is free of all that is done once.
    more = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(of_small, of_large, strict=True)]
    begin = median(
        a[1] - m[1] * SMALL / (LARGE - SMALL) for a, m in zip(of_small, more, strict=True)
    )
    left = median(m[0] / m[1] / bare for m, bare in zip(more, plain, strict=True))
    bound = BOUND.format(begin / len(STAGES), left)
    return [_line(LARGE, of_large, plain, bound), _line(SMALL, of_small, plain, bound)]
