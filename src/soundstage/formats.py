"""Which containers of audio may be opened at all, by ffmpeg's names."""

from typing import Literal, get_args

# They and raw streams hold their audio themselves: no playlist, no network, no image.
Format = Literal[
    "aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "eac3", "flac", "matroska",
    "webm", "mov", "mp4", "m4a", "mp3", "mpeg", "ogg", "rm", "tta", "w64", "wav", "wv",
]  # fmt: skip
FORMATS: tuple[str, ...] = get_args(Format)
