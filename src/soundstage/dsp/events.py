"""The table that an Echo Nest-like analysis is kept in: a row an event, NaN where it has no value.

Whoever makes one, the analysis of audio or the reader of original files, gives these columns:

* level: the kind of event, an index into `LEVELS`;
* start, duration: seconds;
* confidence: 0 to 1, how surely the event is there and starts there; 1 for the track;
* loudness: dB (track, section);
* tempo: beats per minute (track, section), 0 where there is no beat;
* key: 0 is C, 1 is C sharp, ... 11 is B; mode: 1 is major, 0 minor (track, section), each -1
  where none was found;
* time_signature: beats a bar (track, section), 0 where there is no beat;
* tempo_confidence, key_confidence, mode_confidence, time_signature_confidence: 0 to 1;
* loudness_start, loudness_max: dB at the start and at the loudest moment of a segment;
  loudness_max_time: seconds from its start to that moment;
* pitch_0 (C) to pitch_11 (B): a segment's chroma, 1 for the strongest;
* timbre_0 to timbre_11: coefficients of a segment's spectro-temporal shape.

The names and meanings are those of the Echo Nest's Analyzer Documentation (Jehan and DesRoches
2011, version 3.08); "level", and the tables as one, are ours.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

LEVELS = ("track", "section", "bar", "beat", "segment")
TRACK = (
    "loudness",
    "tempo",
    "tempo_confidence",
    "key",
    "key_confidence",
    "mode",
    "mode_confidence",
    "time_signature",
    "time_signature_confidence",
)
PITCHES = tuple(f"pitch_{i}" for i in range(12))
TIMBRE = tuple(f"timbre_{i}" for i in range(12))
SEGMENT = ("loudness_start", "loudness_max", "loudness_max_time", *PITCHES, *TIMBRE)
COLUMNS: tuple[str, ...] = ("level", "start", "duration", "confidence", *TRACK, *SEGMENT)

# At 3600 s neighbouring float32 are 0.24 ms apart, so times of an hour are right to 0.13 ms.
DTYPE = "float32"


def rows(level: str, **columns: ArrayLike) -> np.ndarray:
    """Make the rows of one level.

    Args:
        level: one of `LEVELS`.
        columns: by column name, (n,) or a number for all rows; `pitch` and `timbre` are (n, 12).

    Returns:
        float64 (n, len(COLUMNS)), NaN in the columns that were not given.
    """
    count = np.size(columns["start"])
    table = np.full((count, len(COLUMNS)), np.nan)
    table[:, 0] = LEVELS.index(level)
    for name, values in columns.items():
        if name in ("pitch", "timbre"):
            first = COLUMNS.index(f"{name}_0")
            table[:, first : first + 12] = values
        else:
            table[:, COLUMNS.index(name)] = values
    return table


def table(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Join rows into a table: float32 (events, len(COLUMNS)), sorted by level, then by start."""
    joined = np.concatenate(list(parts))
    order = np.lexsort((joined[:, COLUMNS.index("start")], joined[:, 0]))
    return joined[order].astype(DTYPE)


def column(events: np.ndarray, level: str, name: str) -> np.ndarray:
    """Return one column of one level's rows as float64 (rows of that level,)."""
    found = events[:, 0] == LEVELS.index(level)
    return events[found, COLUMNS.index(name)].astype(np.float64)
