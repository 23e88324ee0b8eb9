"""Where a model cuts clips: into pieces along time, or among the slices that a feature has.

All is counted in steps: samples of a waveform, frames of a spectrogram, or slices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low
from typing import Any, Literal

from soundstage.errors import SoundstageError
from soundstage.params import Cut, Segment

_TIME = ("sample", "frame")  # axes along which time runs


@dataclass(frozen=True)
class Pieces:
    """How clips are cut: pieces of `length` steps that begin `hop` steps apart.

    Of all that fit, `at` takes the first (`start`), as many around the clip's `middle`, or `all`;
    at most `count`, which of `all` are spread evenly over the clip.
    """

    length: int
    hop: int
    at: Literal["start", "middle", "all"] = "start"
    count: int | None = None

    def starts(self, n: int) -> list[int]:
        """Return the first step of each piece of a clip of `n` steps, in order.

        A clip shorter than half a piece has none; one shorter than a piece has one, to be padded.
        """
        if n < self.length:
            return [0] if 2 * n >= self.length else []
        fitting = 1 + (n - self.length) // self.hop
        count = min(self.count or fitting, fitting)
        if self.at == "all":  # each in the middle of its share of those that fit
            return [(2 * i + 1) * fitting // (2 * count) * self.hop for i in range(count)]
        span = self.length + (count - 1) * self.hop
        first = (n - span) // 2 if self.at == "middle" else 0
        return [first + i * self.hop for i in range(count)]

    def covered(self, n: int) -> int:
        """Return how many steps of a clip of `n` lie in any of its pieces."""
        ends = pairwise([*self.starts(n), n])
        return sum(min(self.length, end - start) for start, end in ends)


EACH_SLICE = Pieces(1, 1)


def pieces(model: str, segment: Segment, index: Mapping[str, Any]) -> Pieces:
    """Return how a model's `segment` cuts what a folder of the store holds, as `index` says it.

    Raises
    ------
    SoundstageError
        The parameters do not suit the axes, or `seconds` are no whole step.
    """
    name, axes = index["name"], index["axes"]
    sized = (segment.length, segment.seconds, segment.hop)
    if axes[0] == "slice":
        if any(size is not None for size in sized):
            raise SoundstageError(
                f"{model}: {name} is cut into slices; remove length, seconds and hop from the "
                "model's `segment`, whose `count` and `at` choose among the slices"
            )
        return Pieces(1, 1, segment.at, segment.count)
    if axes[-1] == "column" or (axes[-1] not in _TIME and set(_TIME) & set(axes)):
        raise SoundstageError(
            f"{model}: time does not run along the last axis of {name}, {axes[-1]}, which "
            "`segment` would cut; remove the model's `segment`"
        )
    if segment.length is not None:
        hop = segment.length if segment.hop is None else int(segment.hop)
        return Pieces(segment.length, hop, segment.at, segment.count)
    if segment.seconds is None:
        raise SoundstageError(
            f"{model}: {name} is not cut into slices; give the model's `segment` the length or "
            "the seconds of a piece"
        )
    rate = steps_per_second(index)
    if rate is None:
        raise SoundstageError(
            f"{model}: the store does not say how long a step of {name} lasts; give the length in "
            "steps in place of the seconds of the model's `segment`"
        )
    hop_seconds = segment.seconds if segment.hop is None else segment.hop
    length, hop = round(segment.seconds * rate), round(hop_seconds * rate)
    if not length or not hop:
        raise SoundstageError(
            f"{model}: a step of {name} lasts {1 / rate:.3g} s; raise the seconds and the hop of "
            "the model's `segment`"
        )
    return Pieces(length, hop, segment.at, segment.count)


def segments(
    shape: tuple[int, ...], first_axis: str, pieces: Pieces | None
) -> tuple[int, list[tuple[int, int]], tuple[int, ...]]:
    """Return how many copies a clip's array has, its segments, and the shape of one.

    Parameters
    ----------
    shape: of the clip's array, () where it has none; first_axis: its name, `copy` and `slice` are
    special; pieces: how it is cut, along the slices where there are any, None: not at all.

    Returns
    -------
    Number of copies; number and first step of each segment; the shape of one, of which a clip that
    is shorter than a piece has less.
    """
    if not shape:
        return 0, [], ()
    copies = 1
    if first_axis == "copy":
        copies, shape = shape[0], shape[1:]
    if not pieces:
        return copies, [(0, 0)], shape
    if first_axis == "slice":
        return copies, [(number, 0) for number in pieces.starts(shape[0])], shape[1:]
    return copies, list(enumerate(pieces.starts(shape[-1]))), (*shape[:-1], pieces.length)


def steps_per_second(index: Mapping[str, Any]) -> float | None:
    """Return the samples or frames a second along the last axis; None where that is unknown."""
    if index["axes"][-1] not in _TIME:
        return None
    given = index["parameters"]
    hop = 1
    if index["axes"][-1] == "frame":  # a PSD says its hop as scipy does
        hop = index["hop_length"] or given.get("nperseg", 0) - given.get("noverlap", 0)
    return index["sample_rate"] / hop if hop > 0 else None


def by_default(
    model: str,
    index: Mapping[str, Any],
    training: Sequence[int],
    all_clips: Sequence[int],
    cut: Cut,
) -> tuple[Pieces | None, str]:
    """Return how clips are cut for a model without a `segment`, and a sentence that says so.

    Clips of about one length, and not too long, stay whole: (None, ""). So do slices, statistics
    and what else has no time along its last axis.

    Parameters
    ----------
    training, all_clips: lengths, in steps, of the training part's clips, whose low median is the
    usual length, and of all clips.
    """
    rate = steps_per_second(index)
    if rate is None or index["axes"][0] == "slice" or not training:
        return None, ""
    usual, longest = median_low(training), max(all_clips)
    if usual <= cut.longest * rate and longest <= cut.uneven * usual:
        return None, ""
    length = round(min(usual, cut.seconds * rate))
    if not length:
        return None, ""
    said = (
        f"{model}: clips are of {_seconds(min(all_clips) / rate)} to {_seconds(longest / rate)} s, "
        f"so they are cut into pieces of {_seconds(length / rate)} s, at most {cut.count} a clip; "
        "`segment` of the model says otherwise"
    )
    return Pieces(length, length, "all", cut.count), said


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"
