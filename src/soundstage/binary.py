"""The ffmpeg binary, and the limits under which it decodes what nobody has vouched for.

Only containers that hold audio themselves are opened: a playlist named `.mp3` would make ffmpeg
open whatever it lists. Samples are read from a pipe up to what the limits allow and no further, so
no header says how much memory they take.
"""

import re
import signal
import struct
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import ffmpeg
import numpy as np

from soundstage import paged
from soundstage.errors import SoundstageError
from soundstage.formats import FORMATS

_AU_HEADER = struct.Struct(">4s5I")  # magic, data offset, data size, encoding, rate, channels
_LARGEST_BLOCK = 2**27  # bytes that ffmpeg may ask for at once, whatever a header says
_CHUNK = 2**20
_KILLED = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT}  # not the file's fault
_LOG = 2**24  # bytes of what ffmpeg says that are read: it says all that matters at first
# What ffmpeg says: about the file that it opened, then of errors in decoding it.
_OPENED = "\n[info] Stream mapping:\n"
_TRACK = re.compile(r"^\[info\]   Stream #0:.*?: Audio: (\w+).*?, (\d+) Hz, ", re.MULTILINE)
_INPUT = re.compile(r"^\[info\] Input #0, (\w+)", re.MULTILINE)
_CLAIM = re.compile(r"^\[info\]   Duration: (\d+):(\d\d):(\d\d\.\d\d), ", re.MULTILINE)
_GUESS = re.compile(r"using bitrate for duration|Estimating duration from bitrate")
_STOPPED = re.compile(r"\[error\] Error during demuxing: ")  # and the rest is not read
_LOSS = re.compile(r"Error submitting packet to decoder|Decoding error|Error while decoding")
_ERROR = re.compile(r"^(?:\[[^\]]* @ 0x[0-9a-f]+\] )*\[(?:error|fatal)\] (.+)", re.MULTILINE)
_NAME = "\0"  # stands for the file's own
_CLAIM_OFF = 0.1  # seconds by which claims are off: encoders' delays, rounding


class RejectedAudioError(Exception):
    """A file that gives no waveform: a reason code and a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


class UnopenedError(RejectedAudioError):
    """A file in which ffmpeg finds no audio: `undecodable`."""


@dataclass(frozen=True)
class Limits:
    """Bounds on one decode; `ffmpeg` is the binary's path, `max_peak` is in times full scale.

    `timeout_seconds` holds for each way, `max_bytes` for the decoded samples of all channels as
    float32. `silence` says what becomes of digital silence: `accept` (with a warning) or
    `quarantine`. Without `in_process` no file is decoded by libav in this process, which a hostile
    file might crash; libsndfile looks at headers there too, and decodes what nothing else reads.
    `formats` are the containers that are opened, of `formats.FORMATS`.
    """

    ffmpeg: str
    timeout_seconds: float
    max_seconds: float
    min_seconds: float = 0.0
    max_bytes: int = 2_000_000_000
    min_rate: int = 4000
    max_rate: int = 384_000
    max_channels: int = 64
    formats: Sequence[str] = FORMATS
    silence: str = "accept"
    in_process: bool = True
    max_peak: float = 100.0


class Decoded(NamedTuple):
    """What ffmpeg gives of a file.

    samples: (n, channels) float32 of either byte order, full scale is [-1, 1]. `codec` and `rate`
    in Hz are those of the file, `container` is ffmpeg's name ("" and 0: not known). `warnings` are
    of `audio.WARNINGS`; `noise`: whether there is anything that is no audio. Bytes before `read_to`
    of the file have been read.
    """

    samples: np.ndarray
    container: str
    codec: str
    rate: int
    warnings: frozenset[str] = frozenset()
    noise: bool = False
    read_to: int = 0


def decode(path: Path, sr: int, limits: Limits) -> Decoded:
    """Decode the first audio track of a file, see `soundstage.audio.decode`.

    There are no samples where there are too many channels, and somewhat more than `max_seconds`
    where there is more. Of warnings, `truncated` and `damaged` are found.

    Raises
    ------
    RejectedAudioError
        `undecodable` (`UnopenedError` where ffmpeg does not begin), `timeout`, `too_large`, `rate`.
    SoundstageError
        Somebody killed ffmpeg.
    """
    allowed = ",".join(limits.formats)
    source = ffmpeg.input(f"file:{path}", format_whitelist=allowed, protocol_whitelist="file")
    # AU: its header states the channels, and it streams floats of any length.
    stream = ffmpeg.output(
        source["a:0"], "pipe:", format="au", acodec="pcm_f32be", ar=sr, map_metadata=-1
    ).global_args("-nostdin", "-nostats", "-hide_banner", "-loglevel", "level+info")
    command = ffmpeg.compile(stream.global_args("-max_alloc", str(_LARGEST_BLOCK)), limits.ffmpeg)
    slow = threading.Event()
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process,
    ):

        def stop() -> None:
            slow.set()
            process.kill()

        watch = threading.Timer(limits.timeout_seconds, stop)
        watch.start()
        try:
            assert process.stdout
            channels, content, more = _bounded(process.stdout, sr, limits)
            if more:
                process.kill()
            process.wait()
        finally:
            watch.cancel()
            process.kill()
        log.seek(0)
        # A name might look like what ffmpeg says of a file.
        said = log.read(_LOG).decode(errors="replace").replace(str(path), _NAME)

    opened, _, decoding = said.partition(_OPENED)
    track = _TRACK.search(opened)
    codec, rate = (track[1], int(track[2])) if track else ("", 0)
    container = _INPUT.search(opened)
    name = container[1] if container else ""
    if track and not limits.min_rate <= rate <= limits.max_rate:
        raise RejectedAudioError("rate", f"has a sample rate of {rate} Hz")
    if channels > limits.max_channels:
        return Decoded(np.empty((0, channels), np.float32), name, codec, rate)
    if slow.is_set():
        raise RejectedAudioError("timeout", f"took more than {limits.timeout_seconds:g} s")
    if more and content.size > limits.max_bytes:
        raise RejectedAudioError("too_large", f"decodes to more than {limits.max_bytes} bytes")
    if process.returncode in _KILLED and not more:
        raise SoundstageError(f"{path}: ffmpeg was killed while decoding it; run again")
    if not channels or (process.returncode and not more):
        # The order of the threads' errors differs from run to run.
        errors = _ERROR.findall(opened)[:1] or sorted(_ERROR.findall(decoding))
        kind = RejectedAudioError if decoding else UnopenedError
        error = errors[0] if errors else "ffmpeg gives nothing"
        raise kind("undecodable", error.replace(_NAME, path.name))
    n = content.size // (4 * channels)
    samples = content.array(n * channels, ">f4").reshape(n, channels)
    claimed = _claimed_seconds(opened)
    short = claimed > n / sr + _CLAIM_OFF
    noise = bool(_LOSS.search(decoding))
    stopped = bool(_STOPPED.search(decoding))
    lost = stopped or (noise and (short or not claimed))  # else it was around the audio
    holds = {"damaged": lost, "truncated": short}
    warnings = frozenset(name for name, held in holds.items() if held)
    return Decoded(samples, name, codec, rate, warnings, noise)


def _bounded(output: IO[bytes], sr: int, limits: Limits) -> tuple[int, paged.Spool, bool]:
    """Read what ffmpeg gives: channels (0 if it gives nothing), samples, and whether it has more.

    It has more when the next chunk would be beyond the limits.
    """
    header = output.read(_AU_HEADER.size)
    if len(header) < _AU_HEADER.size:
        return 0, paged.Spool(), False
    _, offset, _, _, _, channels = _AU_HEADER.unpack(header)
    output.read(offset - _AU_HEADER.size)
    longest = 4 * channels * (int(limits.max_seconds * sr) + 1)
    content = paged.Spool()
    while channels <= limits.max_channels and content.size <= min(longest, limits.max_bytes):
        chunk = output.read(_CHUNK)
        if not chunk:
            return channels, content, False
        content.add(chunk)
    return channels, content, True


def _claimed_seconds(opened: str) -> float:
    """Return the duration that a container states; 0 where it states none or ffmpeg guesses."""
    claim = _CLAIM.search(opened)
    if not claim or _GUESS.search(opened):
        return 0.0
    hours, minutes, seconds = claim.groups()
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
