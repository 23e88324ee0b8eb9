"""What an hour of audio takes of memory: its decoding, and each feature."""

import tempfile
from pathlib import Path

import numpy as np
import soundfile
from measure import Line
from music import music
from project import Project

from soundstage import params

SR, MINUTES, LIMIT = 44100, 60, 600
# Kinds of features that see a clip as a whole, and what for.
WHOLE = {
    "mel_copies": "librosa shifts the pitch of a clip as a whole",
    "tzanetakis": "the wavelet bands of a clip are there as a whole, in float64",
    "tzanetakis_slices": "the wavelet bands of a clip are there as a whole, in float64",
    "echonest_events": "segments are found in the spectrogram of a clip as a whole",
}
PEAK = """
import re, sys
sys.path.insert(0, "src")
from pathlib import Path
from soundstage import extraction, params
step, name = sys.argv[1:]
getattr(extraction, step)(params.load(), name)
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]))
"""


def _project(root: Path, minutes: float) -> Project:
    """Return a project on one stereo FLAC."""
    file = root / f"music{minutes:g}" / "chords" / "long.flac"
    file.parent.mkdir(parents=True)
    minute = music(60 * SR, SR).clip(-1, 1)
    with soundfile.SoundFile(file, "w", SR, 2) as out:
        for i in range(round(minutes)):
            out.write(np.stack([minute, np.roll(minute, 601 * i)], axis=1))
    project = Project.on(root / f"project{minutes:g}", file.parents[1], 16, kept={})
    project.environment["SOUNDSTAGE_JOBS"] = "1"  # so that the stage's process does the work
    project.run("python", "stages/fetch.py")
    return project


def measure() -> list[Line]:
    """Measure the peak of a process that decodes the file, or makes one feature of it."""
    loaded = params.load()
    waveforms = loaded.top.waveforms
    steps = [("decode", name) for name in waveforms]
    steps += [
        ("extract", name) for name, feature in loaded.features.items() if feature.input in waveforms
    ]
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        short, long = _project(Path(folder), 1), _project(Path(folder), MINUTES)
        for step, name in steps:
            kind = loaded.features[name].kind if step == "extract" else ""
            few, many = (
                int(project.run("python", "-c", PEAK, step, name).split()[-1]) / 1024
                for project in (short, long)
            )
            lines.append(
                Line(
                    f"peak memory of {name}, one clip of {MINUTES} minutes",
                    "what a worker may take",
                    many,
                    LIMIT,
                    many / LIMIT,
                    1,
                    faster=False,
                    agreement=f"{few:.0f} MB for a clip of one minute",
                    bound=WHOLE.get(kind, ""),
                    unit="MB",
                )
            )
    return lines
