"""One row of named numbers for the events of a track, as paper 000 correlates them."""

import numpy as np

from soundstage.dsp import events

UNIT = "by column: seconds, dB, beats per minute, a count or none; squared for a variance"
AXES = ("column",)
DTYPE = "float64"

_COUNTED = events.LEVELS[1:]
# Column -> the level and the column of the events whose mean and variance it is.
_SUMMARISED = {
    "beat_duration": ("beat", "duration"),
    "segment_duration": ("segment", "duration"),
    **{name: ("segment", name) for name in events.SEGMENT},
}
COLUMNS: tuple[str, ...] = (
    "duration",
    # In a table of clips `key` is the clip's.
    *(name.replace("key", "musical_key") for name in events.TRACK),
    *(f"n_{level}s" for level in _COUNTED),
    *(f"{name}_{statistic}" for name in _SUMMARISED for statistic in ("mean", "var")),
)


def echonest(y: np.ndarray, sr: int) -> np.ndarray:  # noqa: ARG001 - every feature has a rate
    """Summarise a track's events: its own values, how many of each level, means and variances.

    Args:
        y: float32 (events, 40), columns as `dsp.events` defines them: what `echonest_events`
            computes from audio, or `echonest_xml` reads from the Echo Nest's own files.
        sr: sample rate of the audio in Hz; not used.

    Returns:
        float64 (72,), in the order of `COLUMNS`: the track's row; the numbers of sections, bars,
        beats and segments; the mean and the variance (of the population) of the beats' and
        segments' durations and of the segments' loudness, pitches and timbre. Without beats their
        duration is 0. NaN only where an analysis that was read has no value at all.

    Raises:
        ValueError: no track, or more than one.

    Source: paper 000, 3.1.4 and figure 3.1.11: loudness, tempo, key and mode of a track with
    averages of beats, 12 pitches and 12 timbre coefficients.
    """
    tracks = np.count_nonzero(y[:, 0] == events.LEVELS.index("track"))
    if tracks != 1:
        raise ValueError(f"no events of one track: there are {tracks} tracks in the table")
    row = [events.column(y, "track", name)[0] for name in ("duration", *events.TRACK)]
    row += [events.column(y, level, "start").size for level in _COUNTED]
    for level, name in _SUMMARISED.values():
        values = events.column(y, level, name)
        known = values[np.isfinite(values)]
        nothing = 0.0 if level == "beat" and not values.size else np.nan
        row += [known.mean(), known.var()] if known.size else [nothing, nothing]
    return np.array(row, DTYPE)
