"""Two worker processes on the whole way from files to features, against what two cores give.

The reference is not a program but the machine: how much faster two plain loops, which share
nothing but the processor, end in two processes than one after the other.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile
from measure import Line, median, seconds
from music import music
from project import Project

CLIPS, SR, ROUNDS = 96, 22050, 3
LOOP = "x = 0\nfor i in range(25_000_000):\n    x += i & 7\n"


def _loops(n_processes: int) -> None:
    """Run two loops, in one process after the other or in two at a time."""
    waiting = [LOOP + LOOP] if n_processes == 1 else [LOOP, LOOP]
    running = [subprocess.Popen([sys.executable, "-c", code]) for code in waiting]
    for process in running:
        process.wait()


def _store(project: Project, n_jobs: int) -> None:
    """Decode all clips and compute three features, from nothing."""
    for folder in ("data/store", ".soundstage/shards"):
        shutil.rmtree(project.root / folder, ignore_errors=True)
    project.environment["SOUNDSTAGE_JOBS"] = str(n_jobs)
    for stage in ("decode.py audio22k", "features.py mfcc", "features.py librosa_stats"):
        project.run("python", *f"stages/{stage}".split())


def measure() -> list[Line]:
    """Measure the gain of a second process; about three minutes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for i in range(CLIPS):
            file = root / "music" / "chords" / f"{i}.flac"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, music(30 * SR, SR, seed=i).clip(-1, 1), SR)
        project = Project.on(root / "project", root / "music", clips_per_shard=8)
        project.run("python", "stages/fetch.py")
        _store(project, 2)  # so that everything is compiled
        times = [
            [
                seconds(lambda: _store(project, 1)),
                seconds(lambda: _store(project, 2)),
                seconds(lambda: _loops(1)),
                seconds(lambda: _loops(2)),
            ]
            for _ in range(ROUNDS)
        ]
    gains = [(one / two, loop / loops) for one, two, loop, loops in times]
    ours, plain = median([g for g, _ in gains]), median([p for _, p in gains])
    return [
        Line(
            "two processes, decode and features",
            f"gain of two plain loops: {plain:.2f}; ours: {ours:.2f}",
            median([two for _, two, _, _ in times]),
            median([one for one, _, _, _ in times]),
            median([gain / bare for gain, bare in gains]),
            0.9,
            faster=True,
            bound="start of Python and of the workers in each of the three stages, which no "
            "second process shortens",
        )
    ]
