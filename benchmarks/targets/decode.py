"""Decoding an MP3 of 30 s to PCM-8 at 16 kHz on one core, against ffmpeg-python as people write it.

The reference starts one process a file, of the static ffmpeg in imageio-ffmpeg's wheel (Debian's
takes longer to start), and takes the mean of the channels as we do.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ffmpeg
import numpy as np
import soundfile
from measure import Line, paired
from music import music

from soundstage import audio

SECONDS, SR = 30, 16000
# A clip as in MagnaTagATune and one as in FMA: rate in Hz, channels, bit rate, least ratio.
CLIPS = {
    "16 kHz mono MP3 of 32 kbit/s": (16000, 1, "32k", 3.0),
    "44.1 kHz stereo MP3 of 256 kbit/s": (44100, 2, "256k", 1.4),
}


def _mp3(folder: Path, binary: str, sr: int, channels: int, rate: str) -> Path:
    wav, mp3 = folder / f"{sr}.wav", folder / f"{sr}.mp3"
    y = np.stack([music(SECONDS * sr, sr, seed) for seed in range(channels)], axis=1)
    soundfile.write(wav, y.clip(-1, 1), sr)
    subprocess.run([binary, "-loglevel", "error", "-i", wav, "-b:a", rate, mp3], check=True)
    return mp3


def _by_ffmpeg_python(path: Path, binary: str, channels: int) -> np.ndarray:
    stream = ffmpeg.input(str(path)).output("pipe:", format="f32le", ar=SR)
    out, _ = stream.run(cmd=binary, capture_stdout=True, capture_stderr=True)
    return audio.quantise(np.frombuffer(out, "<f4").reshape(-1, channels).mean(1), "int8")


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process and those it starts on one core: ffmpeg would use several."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def measure() -> list[Line]:
    """Measure both clips."""
    binary = audio.ffmpeg_binary("bundled")
    limits = audio.Limits(binary, timeout_seconds=60, max_seconds=60)
    lines = []
    with tempfile.TemporaryDirectory() as folder, _one_core():
        for what, (sr, channels, rate, target) in CLIPS.items():
            mp3 = _mp3(Path(folder), binary, sr, channels, rate)

            def ours(mp3: Path = mp3) -> np.ndarray:
                return audio.quantise(audio.decode(mp3, SR, limits)[0], "int8")

            def reference(mp3: Path = mp3, channels: int = channels) -> np.ndarray:
                return _by_ffmpeg_python(mp3, binary, channels)

            a, b = ours(), reference()
            same = "samples identical" if np.array_equal(a, b) else "samples differ"
            lines.append(
                paired(
                    f"decode to PCM-8, {what}",
                    ours,
                    "ffmpeg-python, one process a file",
                    reference,
                    target=target,
                    agreement=same,
                    bound="libav's own decoding and resampling",
                )
            )
    return lines
