"""Decode thousands of mutated audio files: each must be accepted or rejected, and nothing else.

    python benchmarks/fuzz.py [--mutations N] [--seed S]    (of checkpoints: fuzz_models.py)

Harmless mutations (tags, junk after the audio) must leave every sample as it was. Whatever the
harm, libav in this process and the ffmpeg binary must come to the same verdict. A child process
does the work, so that a crash or a hang of libav is noticed, its file kept, and the rest goes on.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from music import music

from soundstage import audio, diagnostics

SR = 16000
SECONDS = 0.5
BOTH_WAYS = 4  # of so many mutations one is judged by the binary alone too
PEAK = 300  # MB that the process may take
AT_ONCE = 1000  # mutations that a child judges
TIMEOUT = 600  # seconds, many times what it needs for them, after which it hangs

# Valid files: name -> how ffmpeg codes them.
FORMATS: dict[str, tuple[str, ...]] = {
    "a.wav": (),
    "float.wav": ("-c:a", "pcm_f32le"),
    "adpcm.wav": ("-c:a", "adpcm_ms"),
    "a.mp3": ("-b:a", "64k", "-id3v2_version", "3", "-write_id3v1", "1"),
    "bare.mp3": ("-q:a", "5", "-write_xing", "0", "-id3v2_version", "0"),
    "a.flac": (),
    "a.ogg": ("-c:a", "libvorbis"),
    "flac.ogg": ("-c:a", "flac"),
    "a.opus": (),
    "a.au": (),
    "a.aiff": (),
    "a.m4a": (),
    "lossless.m4a": ("-c:a", "alac", "-movflags", "+faststart"),
    "a.caf": ("-c:a", "pcm_s16be"),
    "a.w64": (),
    "a.wma": (),
    "a.aac": (),
    "a.ac3": (),
    "a.eac3": (),
    "a.avi": ("-c:a", "libmp3lame"),
    "a.webm": ("-c:a", "libopus"),
    "a.mpg": ("-c:a", "mp2"),
    "a.rm": ("-c:a", "ac3"),
    "a.amr": ("-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1"),
    "a.mka": (),
    "a.wv": (),
    "a.tta": (),
    "a.mp2": (),
}
TITLE = b"a title to be changed"

Mutation = Callable[[bytes, np.random.Generator], bytes]


def _junk(content: bytes, rng: np.random.Generator) -> bytes:
    # Of bytes below 128: no frame begins in them.
    return content + rng.integers(1, 128, len(content) // 30, np.uint8).tobytes()


def _retitled(content: bytes, rng: np.random.Generator) -> bytes:
    other = rng.integers(65, 90, len(TITLE), np.uint8).tobytes()
    return content.replace(TITLE, other)


def _id3v2(content: bytes, rng: np.random.Generator) -> bytes:
    body = (
        b"TIT2" + (40).to_bytes(4, "big") + b"\0\0\0" + rng.integers(65, 90, 39, np.uint8).tobytes()
    )
    return b"ID3\3\0\0\0\0\0" + bytes([len(body)]) + body + content


def _id3v1(content: bytes, rng: np.random.Generator) -> bytes:
    return content + b"TAG" + rng.integers(65, 90, 125, np.uint8).tobytes()


def _ape_tag(content: bytes, rng: np.random.Generator) -> bytes:
    item = b"\4\0\0\0\0\0\0\0Title\0" + rng.integers(65, 90, 4, np.uint8).tobytes()
    sizes = (2000, len(item) + 32, 1, 0)
    footer = b"APETAGEX" + b"".join(n.to_bytes(4, "little") for n in sizes) + bytes(8)
    return content + item + footer


def _chunk(content: bytes, rng: np.random.Generator) -> bytes:
    return (
        content
        + b"LIST"
        + (40).to_bytes(4, "little")
        + rng.integers(0, 256, 40, np.uint8).tobytes()
    )


# What leaves every sample as it was, by the endings that can bear it.
HARMLESS: dict[Mutation, tuple[str, ...]] = {
    _junk: (".wav", ".aiff", ".ogg", ".opus", ".m4a", ".flac", ".caf", ".w64", ".mka", ".wma"),
    _retitled: (".wav", ".mp3", ".flac", ".m4a", ".mka"),
    _id3v2: (".mp3", ".flac", ".aac"),
    _id3v1: (".wav", ".mp3", ".flac", ".aiff"),
    _ape_tag: (".mp3", ".flac", ".wv"),
    _chunk: (".wav",),
}


def _flip_header(content: bytes, rng: np.random.Generator) -> bytes:
    return _flip(content, rng, int(rng.integers(1, 4)), 120)


def _flip_anywhere(content: bytes, rng: np.random.Generator) -> bytes:
    return _flip(content, rng, int(rng.integers(1, 20)), len(content))


def _flip(content: bytes, rng: np.random.Generator, n: int, before: int) -> bytes:
    changed = bytearray(content)
    for at in rng.integers(min(before, len(content)), size=n):
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _extreme(content: bytes, rng: np.random.Generator) -> bytes:
    """Write an extreme number over a word of the header."""
    word = [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF][rng.integers(6)]
    at, order = int(rng.integers(min(120, len(content) - 4))), ["little", "big"][rng.integers(2)]
    return content[:at] + word.to_bytes(4, order) + content[at + 4 :]  # type: ignore[arg-type]


def _place(content: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(len(content)))
    return start, start + int(rng.integers(1, max(2, len(content) // 8)))


def _noise(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _place(content, rng)
    return content[:start] + rng.bytes(end - start) + content[end:]


def _zeros(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _place(content, rng)
    return content[:start] + bytes(end - start) + content[end:]


def _hole(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _place(content, rng)
    return content[:start] + content[end:]


def _repeat(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _place(content, rng)
    return content[:end] + content[start:]


def _end(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content)))]


def _beginning(content: bytes, rng: np.random.Generator) -> bytes:
    return content[int(rng.integers(len(content))) :]


HARMFUL: tuple[Mutation, ...] = (
    _flip_header, _flip_anywhere, _extreme, _noise, _zeros, _hole, _repeat, _end, _beginning
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What became of a mutation: the reason of its rejection, or "" and whether it is unchanged."""

    file: str
    mutation: str
    harmless: bool
    reason: str
    unchanged: bool


def write_valid(folder: Path, ffmpeg: str) -> dict[str, bytes]:
    """Return a valid file of each format."""
    y = np.stack([music(round(SECONDS * SR), SR, seed=seed) for seed in (0, 1)], axis=1)
    soundfile.write(folder / "in.wav", y.clip(-1, 1), SR)
    title = ("-metadata", f"title={TITLE.decode()}")
    words = [word for name, options in FORMATS.items() for word in (*options, *title, name)]
    command = [ffmpeg, "-nostdin", "-y", "-loglevel", "error", "-i", "in.wav", *words]
    subprocess.run(command, cwd=folder, check=True)
    return {name: (folder / name).read_bytes() for name in FORMATS}


def mutation(i: int, seed: int, valid: dict[str, bytes]) -> tuple[str, Mutation, bytes]:
    """Return the i-th mutation: of which file, what was done, and the content."""
    rng = np.random.default_rng([seed, i])
    name = list(valid)[i % len(valid)]
    suitable = [m for m, endings in HARMLESS.items() if Path(name).suffix in endings]
    kinds = suitable if suitable and i // len(valid) % 3 == 0 else HARMFUL
    done = kinds[int(rng.integers(len(kinds)))]
    return name, done, done(valid[name], rng)


def judge(folder: Path, first: int, last: int, seed: int) -> Iterator[Verdict]:
    """Judge the mutations `first` to `last`; AssertionError where a verdict is not as it must be.

    The file in hand is `folder/<i>-<name>`; it is removed when it is judged.
    """
    limits = audio.Limits(audio.ffmpeg_binary("bundled"), timeout_seconds=20, max_seconds=60)
    valid = write_valid(folder, limits.ffmpeg)
    as_it_was = {name: audio.decode(folder / name, SR, limits) for name in valid}
    for i in range(first, last):
        name, done, content = mutation(i, seed, valid)
        file = folder / f"{i}-{name}"
        file.write_bytes(content)
        found = _outcome(file, limits)
        if i % BOTH_WAYS == 0:
            other = _outcome(file, replace(limits, in_process=False))
            assert _said(found) == _said(other), f"{file}: {done.__name__}: the ways differ"
        unchanged = not isinstance(found, str) and np.array_equal(found.y, as_it_was[name].y)
        harmless = done in HARMLESS
        assert unchanged or not harmless, f"{file}: {done.__name__}: no longer the same samples"
        file.unlink()
        reason = found if isinstance(found, str) else ""
        assert not reason or reason in diagnostics.REFUSALS, reason
        yield Verdict(name, done.__name__.strip("_"), harmless, reason, unchanged)


def _outcome(file: Path, limits: audio.Limits) -> audio.Clip | str:
    try:
        return audio.decode(file, SR, limits)
    except audio.RejectedAudioError as verdict:
        return verdict.reason


def _said(found: audio.Clip | str) -> tuple:
    if isinstance(found, str):
        return (found,)
    return found.y.tobytes(), found.channels, found.warnings


def fuzz(folder: Path, mutations: int, seed: int) -> tuple[Counter, list[str]]:
    """Judge mutations in child processes; return how many got which verdict, and what went wrong.

    The verdicts are `same`, `other` or a reason, for harmless and harmful mutations.
    """
    write_valid(folder, audio.ffmpeg_binary("bundled"))  # or all children fail one by one
    return in_children(__file__, folder, mutations, seed)


def in_children(script: str, folder: Path, mutations: int, seed: int) -> tuple[Counter, list[str]]:
    """Have `script --child FOLDER FIRST LAST SEED` judge mutations, some at once, as `fuzz` says.

    It prints a line a mutation: a word, what was mutated, and the verdict.
    """
    counts: Counter = Counter()
    wrong: list[str] = []
    first = 0
    while first < mutations:
        last = min(first + AT_ONCE, mutations)
        out, problem = _run_child(script, folder, first, last, seed)
        verdicts = [line.split("\t") for line in out.splitlines()]
        counts.update((name, verdict) for _, name, verdict in verdicts)
        first += len(verdicts)
        if problem:
            wrong.append(f"mutation {first}, seed {seed}: {problem}")
            first += first < last  # else it is what all of them took
    return counts, wrong


def _run_child(script: str, folder: Path, first: int, last: int, seed: int) -> tuple[str, str]:
    """Return what a child said before it ended, and how that went wrong, or ""."""
    words = [str(w) for w in (sys.executable, script, "--child", folder, first, last, seed)]
    try:
        done = subprocess.run(words, capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as hang:
        return (hang.stdout or b"").decode(), f"hangs: no end after {TIMEOUT} s"
    said = done.stderr.decode().strip().splitlines() or [f"died of signal {-done.returncode}"]
    return done.stdout.decode(), said[-1] if done.returncode else ""


def _child(folder: Path, first: int, last: int, seed: int) -> None:
    for verdict in judge(folder, first, last, seed):
        said = verdict.reason or ("same" if verdict.unchanged else "other")
        print(
            "harmless" if verdict.harmless else "harmful", verdict.file, said, sep="\t", flush=True
        )
    status = Path("/proc/self/status")  # of Linux; elsewhere the peak is not looked at
    if status.exists():
        peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) // 1024
        assert peak < PEAK, f"took {peak} MB"


def main(
    description: str | None = __doc__,
    fuzz: Callable[[Path, int, int], tuple[Counter, list[str]]] = fuzz,
    child: Callable[[Path, int, int, int], None] = _child,
) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--mutations", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        folder, *numbers = arguments.child
        child(Path(folder), *map(int, numbers))
        return
    folder = Path(tempfile.mkdtemp())
    counts, wrong = fuzz(folder, arguments.mutations, arguments.seed)
    for (name, verdict), n in sorted(counts.items()):
        print(f"{name:24}{verdict:24}{n:6}")
    print(*wrong, sep="\n")
    if wrong:
        sys.exit(f"{len(wrong)} of {arguments.mutations} went wrong; their files: {folder}")
    shutil.rmtree(folder)
    print(f"{arguments.mutations} mutations: clean verdicts, no crash")


if __name__ == "__main__":
    main()
