"""Reading the Echo Nest's own analyses: the XML files that come with MagnaTagATune.

Layout of version 3, of which no specification is left; several of its readers and the Echo Nest's
archived page agree on

    track[duration loudness tempo tempoConfidence key keyConfidence mode modeConfidence
          timeSignature timeSignatureConfidence]
      section[start duration]
      bar > beat > tatum (its text is a time)
      segment[start duration]
        loudness > dB[time="0"], dB[type="max" time]
        pitches > 12 x pitch          timbre > 12 x coeff

so names are taken with or without capitals and underscores, a value may be an attribute or a
child element, and the twelve numbers may be called what they like. What is not there is NaN.
"""

import math
from pathlib import Path

import numpy as np

from soundstage.dsp import events
from soundstage.errors import SoundstageError
from soundstage.untrusted_xml import Element, XmlFaultError, number, parse, plain


class RejectedAnalysisError(SoundstageError):
    """A file that gives no analysis: a reason code, and a sentence with the file and the line.

    Reasons: missing, not_a_file, too_large, unsafe, encoding, not_xml, no_track, bad_value.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


def read(path: Path) -> np.ndarray:
    """Read one analysis.

    Args:
        path: the file.

    Returns:
        float32 (events, 40), rows sorted by level and start, columns as `dsp.events` defines them;
        the same table as the feature `echonest_events`, with the Echo Nest's numbers. Where the
        file lacks a duration, an event lasts until the next of its level, and the last one as
        long as the one before it, but not beyond the end of the track.

    Raises:
        RejectedAnalysisError: the file is missing, refused, not XML, has no track, or holds a
            value that is no number, or other than twelve pitches or timbre coefficients.
    """
    try:
        root = parse(path).children[0]
        track = next(root.all("track"), None) if root.name != "track" else root
        if track is None or root.name == "analysis":  # <Analysis><Track>: another, older layout
            raise XmlFaultError("no_track", root.line, "has no <track> of version 3 of the layout")
        return _table(track)
    except XmlFaultError as fault:
        where = f"{path}:{fault.line}" if fault.line else f"{path}"
        raise RejectedAnalysisError(fault.reason, f"{where}: {fault.what}") from fault


def _value(element: Element, name: str) -> float:
    """Return a value by its name, from an attribute or a child; NaN if there is neither."""
    key = plain(name)
    if key in element.attributes:
        return number(element.attributes[key], element.line)
    child = element.child(key)
    if child is not None and not child.children:
        return child.number()
    of = element.child(key.removesuffix("confidence"))
    if of is not None and of is not child and "confidence" in of.attributes:
        return number(of.attributes["confidence"], of.line)
    return math.nan


def _time(element: Element) -> float:
    """Return when an element starts: its own time, or that of the first one inside it."""
    for name in ("start", "time"):
        if not math.isnan(found := _value(element, name)):
            return found
    if element.text:
        return element.number()
    if element.children:
        return _time(element.children[0])
    raise XmlFaultError("bad_value", element.line, f"<{element.name}> has no time")


def _twelve(segment: Element, name: str) -> list[float]:
    vector = segment.child(name)
    if vector is None:
        return [math.nan] * 12
    if vector.children:
        found = [child.number() for child in vector.children]
    else:
        found = [number(part, vector.line) for part in vector.text.split()]
    if len(found) != 12:
        raise XmlFaultError(
            "bad_value", vector.line, f"{len(found)} values in <{name}> instead of 12"
        )
    return found


def _levels(segment: Element) -> tuple[float, float, float]:
    """Return a segment's loudness at its start and at its loudest moment, and that moment."""
    first, loudest, when = (_value(segment, name) for name in events.SEGMENT[:3])
    loudness = segment.child("loudness")
    for db in loudness.children if loudness else ():
        if db.attributes.get("type") == "max":
            loudest, when = db.number(), _value(db, "time")
        elif _value(db, "time") == 0:
            first = db.number()
    return first, loudest, when


def _spans(found: list[Element], end: float) -> dict[str, np.ndarray]:
    """Return start, duration and confidence of the events of one level."""
    start = np.array([_time(element) for element in found])
    given = np.array([_value(element, "duration") for element in found])
    order = np.argsort(start, kind="stable")
    between = np.diff(start[order])
    last = min(between[-1] if between.size else math.inf, end - start[order][-1])
    until_next = np.empty_like(start)
    until_next[order] = np.append(between, max(last, 0.0))
    return {
        "start": start,
        "duration": np.where(np.isnan(given), until_next, given),
        "confidence": np.array([_value(element, "confidence") for element in found]),
    }


def _table(track: Element) -> np.ndarray:
    segments = list(track.all("segment"))
    duration = _value(track, "duration")
    if math.isnan(duration):
        raise XmlFaultError("bad_value", track.line, "<track> has no duration")
    described = {name: _value(track, name) for name in events.TRACK}
    parts = [events.rows("track", start=0.0, duration=duration, confidence=1.0, **described)]
    for level in ("section", "bar", "beat"):
        found = list(track.all(level))
        if found:
            spans = _spans(found, duration)
            shared = events.TRACK if level == "section" else ()
            own = {name: [_value(element, name) for element in found] for name in shared}
            parts.append(events.rows(level, **spans, **own))
    if segments:
        levels = np.array([_levels(segment) for segment in segments])
        parts.append(
            events.rows(
                "segment",
                **_spans(segments, duration),
                **dict(zip(events.SEGMENT[:3], levels.T, strict=True)),
                pitch=[_twelve(segment, "pitches") for segment in segments],
                timbre=[_twelve(segment, "timbre") for segment in segments],
            )
        )
    return events.table(parts)
