"""Decoding in this process: the ffmpeg binary's samples without the cost of starting it.

Only for what is common and without fault: one mono or stereo track as MP3, WAV, FLAC or Ogg
Vorbis. For these libav, as PyAV brings it, and the binary give the same samples, bit for bit.
About anything else `DoubtfulError` is raised, and the binary decides (`soundstage.audio`).

None of the four containers refers to other files, and pictures inside them are not decoded.
"""

import logging
import time
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition

from soundstage import paged
from soundstage.binary import Decoded

CONTAINERS = "mp3", "wav", "flac", "ogg"
CODECS = "mp3float,pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,flac,vorbis"
RATES = 4000, 192_000  # Hz; a header that states more would make a resampler of any size
# Samples resampled at a time: a call a frame costs more, and a whole file leaves the cache.
_CHUNK = 32768
# Seconds by which a header may claim more than there is: encoders' delays.
_CLAIM_OFF = 0.05
# Samples by which timestamps may be off: the longest Vorbis block (its blocks have two lengths).
_JITTER = 8192

# What libav says is kept for the decode that caused it (`Capture`); nothing of it is printed.
av.logging.set_level(av.logging.WARNING)
av.logging.set_skip_repeated(False)
logging.getLogger("libav").addHandler(logging.NullHandler())


class DoubtfulError(Exception):
    """A file that is not one of the common cases, or not without fault; says why."""


def decode(
    path: Path,
    sr: int,
    *,
    max_seconds: float,
    timeout_seconds: float,
    max_bytes: int = 2_000_000_000,
    rates: tuple[int, int] = RATES,
    formats: Collection[str] = CONTAINERS,
) -> Decoded:
    """Decode a common audio file to `sr` Hz.

    `timeout_seconds` bounds opening, each read, and the whole (looked at between packets);
    `max_bytes` the samples; `rates` in Hz, those of the file, is bounded by `RATES` too,
    and `formats` by `CONTAINERS`.

    There is at least one sample, and nothing to warn of.

    Raises
    ------
    DoubtfulError
        Another container, codec or rate; not exactly one track of one or two channels; anything
        beside it but pictures; a format, rate or number of channels that changes; a jump in the
        timestamps; an error or a warning while decoding; longer than `max_seconds` or larger than
        `max_bytes`; shorter than its header claims; too slow; no samples.
    """
    deadline = time.monotonic() + timeout_seconds
    places = [0]  # in the file, of the packet that was read last
    try:
        if not path.is_file():
            raise DoubtfulError("is not a regular file")
        with av.logging.Capture() as said, _open(path, timeout_seconds, formats) as container:
            track = _track(container, rates)
            name, codec = container.format.name, track.codec.canonical_name
            rate = track.codec_context.sample_rate
            claimed = _claimed_seconds(container, said)
            said.clear()  # about tags, pictures and guessed durations
            frames = _steady(_frames(container, track, said, deadline, places), track, max_seconds)
            samples = _joined(_resampled(_chunks(frames), sr), max_bytes)
    except (av.FFmpegError, OSError, ValueError, RuntimeError) as error:
        raise DoubtfulError(str(error)) from error
    if not len(samples):
        raise DoubtfulError("holds no samples")
    if claimed > len(samples) / sr + _CLAIM_OFF:
        raise DoubtfulError("is shorter than its header claims")
    return Decoded(samples, name, codec, rate, read_to=places[0])


def _open(path: Path, timeout_seconds: float, formats: Collection[str]) -> InputContainer:
    allowed = [name for name in CONTAINERS if name in formats]
    if not allowed:  # libav would take none for all
        raise DoubtfulError("is in no format that may be opened")
    return av.open(
        f"file:{path}",
        container_options={
            "format_whitelist": ",".join(allowed),
            "codec_whitelist": CODECS,
            "protocol_whitelist": "file",
        },
        metadata_errors="replace",
        timeout=timeout_seconds,
    )


def _claimed_seconds(container: InputContainer, said: list) -> float:
    """Return the duration that the container states; 0 where it states none or libav guesses."""
    guessed = any("bitrate" in text for _, _, text in said)
    return 0.0 if guessed or container.duration is None else container.duration / av.time_base


def _track(container: InputContainer, rates: tuple[int, int]) -> av.AudioStream:
    """Return the only track of a file that holds nothing else but pictures."""
    tracks = [s for s in container.streams if not s.disposition & Disposition.attached_pic]
    if len(tracks) != 1 or not isinstance(tracks[0], av.AudioStream):
        raise DoubtfulError("does not hold exactly one audio track")
    context = tracks[0].codec_context
    if context is None or context.name not in CODECS.split(","):
        raise DoubtfulError("has an uncommon codec")
    if context.format is None:
        raise DoubtfulError("is damaged or slow to read at its beginning")
    if context.layout.nb_channels > 2:
        raise DoubtfulError("has more than two channels")
    lowest, highest = max(rates[0], RATES[0]), min(rates[1], RATES[1])
    if not lowest <= context.sample_rate <= highest:
        raise DoubtfulError("has an uncommon sample rate")
    context.thread_count = 1
    return tracks[0]


def _frames(
    container: InputContainer, track: av.AudioStream, said: list, deadline: float, places: list[int]
) -> Iterator[av.AudioFrame]:
    for packet in container.demux(track):
        places[0] = packet.pos or places[0]
        yield from packet.decode()
        if said:
            raise DoubtfulError(said[0][2].strip())
        if time.monotonic() > deadline:
            raise DoubtfulError("takes too long")


def _steady(
    frames: Iterable[av.AudioFrame], track: av.AudioStream, max_seconds: float
) -> Iterator[av.AudioFrame]:
    """Yield frames that are what the header says and follow each other in time."""
    context = track.codec_context
    header = context.format.name, context.layout.nb_channels, context.sample_rate
    samples_a_tick = float(track.time_base or 0) * context.sample_rate
    start, n = None, 0
    for frame in frames:
        if (frame.format.name, frame.layout.nb_channels, frame.sample_rate) != header:
            raise DoubtfulError("changes its format, rate or channels")
        if frame.pts is None:
            raise DoubtfulError("has no timestamps")
        start = frame.pts if start is None else start
        if abs((frame.pts - start) * samples_a_tick - n) > _JITTER:
            raise DoubtfulError("has a jump in its timestamps")
        n += frame.samples
        if n > max_seconds * frame.sample_rate:
            raise DoubtfulError(f"is longer than {max_seconds:g} s")
        yield frame


def _chunks(frames: Iterable[av.AudioFrame]) -> Iterator[av.AudioFrame]:
    """Join short frames to longer ones."""
    fifo = av.AudioFifo()
    for frame in frames:
        frame.pts = None  # which the queue would want to begin at 0 and never to be off
        fifo.write(frame)
        yield from fifo.read_many(_CHUNK)
    yield from fifo.read_many(_CHUNK, partial=True)


def _resampled(frames: Iterable[av.AudioFrame], sr: int) -> Iterator[av.AudioFrame]:
    resampler = av.AudioResampler("fltp", rate=sr)
    for frame in chain(frames, [None]):
        yield from (part for part in resampler.resample(frame) if part is not None)


def _joined(parts: Iterable[av.AudioFrame], max_bytes: int) -> np.ndarray:
    """Return all samples (n, channels); those of a long file lie in one, see `paged`."""
    held: list[np.ndarray] = []
    spool, n, channels = paged.Spool(), 0, 1
    for part in parts:
        held.append(part.to_ndarray())
        n += held[-1].nbytes
        channels = len(held[-1])
        if n > max_bytes:
            raise DoubtfulError(f"decodes to more than {max_bytes} bytes")
        if n >= paged.LARGE:
            for block in held:
                spool.add(block.T.tobytes())
            held.clear()
    if spool.size:
        for block in held:
            spool.add(block.T.tobytes())
        return spool.array(n // 4, np.float32).reshape(-1, channels)
    return np.concatenate(held, axis=1).T if held else np.empty((0, channels), np.float32)
