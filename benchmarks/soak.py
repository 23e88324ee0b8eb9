"""Kill runs at random moments, again and again, and check what is left each time.

    python benchmarks/soak.py [--kills N] [--seed S] [--early SHARE]

Each time DVC, the stage or a worker is killed, in the workspace, with --temp or in the queue, while
it decodes, computes a feature, writes a shard or commits: no orphan may be left, no shard torn, and
what was finished must stay. After each the store must have the bytes of one that nobody disturbed.
A share of the kills comes in the first second of a stage's life, while it imports its libraries.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
from killing import RUN, WHAT, kill, orphans, wait_for
from music import music
from project import Project
from tqdm import tqdm

from soundstage.files import write_bytes

CLIPS, CLIPS_PER_SHARD, JOBS, SR = 64, 4, 2, 16000
# What a kill may cost: each worker's unfinished shard, and the clips in hand once more, each alone.
LOST = JOBS * CLIPS_PER_SHARD + JOBS

PAGE = Path("docs/soak.md")
HEAD = """# Kills

Written by `python benchmarks/soak.py`, which kills DVC, the stage or a worker at random moments, in
the workspace, with `--temp` or in the queue, and checks each time what is left. A run that ends
without a fault is a line; one that finds a fault ends there, without. "Too late" came those kills
that found the work already done; "in its first second" died a stage, or a worker, that imported its
libraries, or the DVC above such a stage.

"""


def project_on(root: Path, clips: Path) -> Project:
    """Return a project with the slow feature, whose waveform is there."""
    project = Project.on(root, clips, clips_per_shard=CLIPS_PER_SHARD)
    project.environment["SOUNDSTAGE_JOBS"] = str(JOBS)
    project.add_slow_feature(seconds=0.05)
    project.run("dvc", "repro", "decode@pcm8")
    project.commit()
    return project


def shards(project: Project) -> dict[str, bytes]:
    """Return the bytes of the shards of the waveform and the feature, by name."""
    files = project.store("pcm8", "slow")
    return {name: data for name, data in files.items() if not name.endswith("index.json")}


def soak(root: Path, kills: int, seed: int, early: float) -> str:
    """Kill, check, and compare each time; return what was killed, and the most that it cost.

    The share `early` of the kills comes in the first second of a stage's or a worker's life.
    """
    clips = root / "music"
    for i in range(CLIPS):
        file = clips / "chords" / f"{i}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, music(2 * SR, SR, seed=i).clip(-1, 1), SR)
    calm = project_on(root / "calm", clips)
    began = time.monotonic()
    calm.run("dvc", "repro", "features@slow")
    whole = shards(calm)
    longest = 1.5 * (time.monotonic() - began)
    project = project_on(root / "soaked", clips)
    rng = np.random.default_rng(seed)
    killed: Counter[str] = Counter()
    worst = 0
    for i in tqdm(range(kills), unit=" kills"):
        # Other parameters make every run begin anew, and every third decode anew, too.
        project.replace(f"seconds: {0.05 + i / 1e6:g}", f"seconds: {0.05 + (i + 1) / 1e6:g}")
        if i % 3 == 0:
            project.replace(f"max_seconds: {3600 + i}.0", f"max_seconds: {3603 + i}.0")
        where, what = str(rng.choice(list(RUN))), str(rng.choice(WHAT))
        clips_before, delay = int(rng.integers(CLIPS)), rng.uniform(0, 0.5)
        stage = ""
        if rng.random() < early:
            clips_before, delay = 0, rng.uniform(0, 1)
            stage = "features" if what == "worker" else str(rng.choice(["fetch", "features"]))
        elif rng.random() < 0.5:  # at any moment from the command's start to DVC's commit
            clips_before, delay = 0, rng.uniform(0, longest)
        said, succeeded, _, age = kill(
            project, where, what, clips=clips_before, delay=delay, stage=stage
        )
        assert succeeded or what != "worker", (where, said)
        wait_for(lambda: not orphans(project), 5)
        project.run("soundstage", "verify")
        project.run("dvc", "repro", "features@slow")
        lost = project.computed() - CLIPS
        assert lost <= LOST, (where, what, lost)
        assert shards(project) == whole, (where, what)
        killed.update((where, what))
        killed["too late"] += age is None
        killed["in its first second"] += age is not None and age < 1
        worst = max(worst, lost)
        for file in project.log.iterdir():
            file.unlink()

    counts = ", ".join(f"{name} {n}" for name, n in sorted(killed.items()))
    return f"{counts}; at most {worst} of {CLIPS} clips computed twice"


def main() -> None:
    """Read the command line, and add a line to the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--early", type=float, default=0.3, metavar="SHARE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        said = soak(Path(folder), arguments.kills, arguments.seed, arguments.early)
    line = (
        f"{arguments.kills} kills (seed {arguments.seed}; {said}): no orphan, no torn shard, no "
        "finished shard lost, the bytes of an undisturbed run"
    )
    print(line)
    before = PAGE.read_text("utf-8") if PAGE.exists() else HEAD
    write_bytes(PAGE, f"{before}* {line}\n".encode())


if __name__ == "__main__":
    main()
