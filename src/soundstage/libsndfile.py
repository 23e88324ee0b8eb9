"""What libsndfile reads in a file, for those that ffmpeg reads wrongly or not at all.

ffmpeg takes big-endian WAV for little-endian, NMS ADPCM for a speech codec of the same number, and
G.721 in WAV with its halves of bytes exchanged. (Found by decoding with each what each has
encoded.) Of other files both must say the same.
"""

import os
import struct
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from soundstage.binary import RejectedAudioError

CONTAINERS = "wav", "aiff", "w64", "caf", "au", "flac"  # that are opened, by ffmpeg's names

_BLOCK = 2**16  # samples of all channels that are read at once
_UNKNOWN = 2**32 - 1  # a size
_LITTLE = "WAV", "WAVEX", "RF64", "W64"
_PCM = {
    "PCM_S8": "s8",
    "PCM_U8": "u8",
    "PCM_16": "s16",
    "PCM_24": "s24",
    "PCM_32": "s32",
    "FLOAT": "f32",
    "DOUBLE": "f64",
    "ULAW": "mulaw",
    "ALAW": "alaw",
}
# ffmpeg's names of what is no PCM.
_CODED = {
    "IMA_ADPCM": ("adpcm_ima_wav", "adpcm_ima_qt"),
    "MS_ADPCM": ("adpcm_ms",),
    "GSM610": ("gsm", "gsm_ms"),
    "MPEG_LAYER_I": ("mp1",),
    "MPEG_LAYER_II": ("mp2",),
    "MPEG_LAYER_III": ("mp3",),
    **dict.fromkeys(("ALAC_16", "ALAC_20", "ALAC_24", "ALAC_32"), ("alac",)),
}
_RATES_OFF = 1  # Hz: AIFF's rates are no integers, and one rounds what the other cuts off


class Claim(NamedTuple):
    """What libsndfile takes a file for. `frames` is what its header claims."""

    container: str
    subtype: str
    big_endian: bool
    rate: int
    channels: int
    frames: int

    @property
    def alone(self) -> bool:
        """Whether ffmpeg is known to read such a file wrongly."""
        wav = self.container in _LITTLE
        return (
            (wav and self.big_endian)
            or self.subtype.startswith("NMS_ADPCM")
            or (wav and self.subtype == "G721_32")
            or self.subtype in ("G723_24", "G723_40")
        )

    @property
    def ambiguous(self) -> bool:
        """Whether files are written in two ways, and nothing says which.

        ffmpeg and libsndfile agree on the number of G.721 in AU, and not on its bits.
        """
        return self.container == "AU" and self.big_endian and self.subtype == "G721_32"

    def takes_for(self, codec: str) -> bool | None:
        """Return whether a codec of ffmpeg's is what libsndfile takes the samples for.

        None: ffmpeg has found another stream within what looks like PCM, e.g. DTS.
        """
        if self.subtype in _CODED:
            return codec in _CODED[self.subtype]
        if self.container == "FLAC":
            return codec == "flac"
        if self.subtype not in _PCM or not codec.startswith("pcm_"):
            return None
        name = _PCM[self.subtype]
        order = (
            ("be" if self.big_endian else "le") if name[1:].isdigit() and name[1:] != "8" else ""
        )
        return codec == f"pcm_{name}{order}"

    def differs(self, rate: int, channels: int) -> str:
        """Return how rate and channels differ from those that ffmpeg reads; "" if they do not."""
        if abs(self.rate - rate) <= _RATES_OFF and self.channels == channels:
            return ""
        return (
            f"has {channels} channels at {rate} Hz as ffmpeg reads it, {self.channels} at "
            f"{self.rate} Hz as libsndfile does"
        )

    def contradicts(self, frame: int) -> str:
        """Return how samples differ from a header's frames of so many bytes; 0: it says nothing."""
        bits = _PCM.get(self.subtype, "")[1:]
        if not frame or not bits.isdigit() or int(bits) // 8 * self.channels == frame:
            return ""
        return f"has {self.channels} samples of {bits} bits in frames of {frame} bytes"


def claim(path: Path) -> Claim | None:
    """Return what libsndfile takes a file for; None if it does not open it."""
    try:
        with _Forward(os.fsencode(path)) as file:
            default = "LITTLE" if file.format in _LITTLE else "BIG"
            order = default if file.endian == "FILE" else file.endian
            return Claim(
                file.format,
                file.subtype,
                order == "BIG",
                file.samplerate,
                file.channels,
                file.frames,
            )
    except (soundfile.SoundFileError, OSError, ValueError):
        return None


def decode(path: Path, target: Path, *, max_frames: int, timeout_seconds: float) -> None:
    """Decode a file to a WAV of floats with its rate and channels, of doubles if it holds these.

    Samples are written until there are more than `max_frames`.

    Raises
    ------
    RejectedAudioError
        `undecodable`, `timeout`.
    """
    deadline, frames = time.monotonic() + timeout_seconds, 0
    try:
        with _Forward(os.fsencode(path)) as file, target.open("wb") as out:
            dtype = "<f8" if file.subtype == "DOUBLE" else "<f4"
            frame = file.channels * np.dtype(dtype).itemsize
            out.write(_header(file.samplerate, file.channels, frame))
            while frames <= max_frames:
                block = np.empty((max(1, _BLOCK // file.channels), file.channels), dtype)
                block = file.read(out=block)
                if not len(block):
                    break
                out.write(block.tobytes())
                frames += len(block)
                if time.monotonic() > deadline:
                    raise RejectedAudioError("timeout", f"took more than {timeout_seconds:g} s")
    except soundfile.SoundFileError as error:
        raise RejectedAudioError("undecodable", "libsndfile cannot read on") from error


def _header(rate: int, channels: int, frame: int) -> bytes:
    """Return the header of a WAV of unknown length; `frame` in bytes."""
    return struct.pack(
        "<4sI8sI2H2I2H4sI",
        b"RIFF",
        _UNKNOWN,
        b"WAVEfmt ",
        16,
        3,  # floating point
        channels,
        rate,
        rate * frame & _UNKNOWN,
        frame,
        8 * frame // channels,
        b"data",
        _UNKNOWN,
    )


class _Forward(soundfile.SoundFile):
    """A file read from its beginning to its end: of some codecs no place can be asked for."""

    def seekable(self) -> bool:
        """Return False."""
        return False
