"""Whether a model can read what its input gives: axes, unit, sample rate, and how it is cut.

A feature states AXES and UNIT of its rows, a model the AXES, and perhaps the UNIT, that it reads.
Where either states none, there is nothing to compare.
"""

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from soundstage import registry
from soundstage.params.mistakes import Mistakes

_WHOLE = ("sample", "frame", "column")  # axes of which a model cannot read another in their place


def check_inputs(
    waveforms: Mapping[str, Any],
    features: Mapping[str, Any],
    models: Mapping[str, Any],
    mistakes: Mistakes,
) -> None:
    """Collect the mistakes of models that cannot read their inputs; others are told elsewhere."""
    given: dict[str, tuple[str, ...]] = dict.fromkeys(waveforms, ("sample",))
    given |= {
        name: _rows(_stated("features", name, entry, "AXES")) for name, entry in features.items()
    }
    for name, entry in features.items():
        _check_steps(name, entry, waveforms, mistakes)
    for name, entry in models.items():
        source = entry.get("input") if isinstance(entry, dict) else None
        if not isinstance(source, str) or source not in given:
            continue
        kind, needed = entry.get("kind", name), _stated("models", name, entry, "AXES")
        if needed and given[source] and not _fits(given[source], needed):
            fitting = [other for other, axes in given.items() if axes and _fits(axes, needed)]
            mistakes.add(
                ("models", name, "input"),
                f"{kind} reads {_listed(needed)}, and {source} gives {_listed(given[source])}; "
                f"{registry.nearest('', fitting)}",
            )
            continue
        unit = _stated("models", name, entry, "UNIT")
        gives = _stated("features", source, features.get(source), "UNIT")
        if unit and gives and gives != unit:
            mistakes.add(
                ("models", name, "input"),
                f"{kind} reads {unit}, and {source} gives {gives}; choose a feature that gives "
                f"{unit}",
            )
        rate = waveforms[source].get("sr") if isinstance(waveforms.get(source), dict) else None
        if rate is not None and "sr" in entry and entry["sr"] != rate:
            mistakes.add(
                ("models", name, "sr"),
                f"is {entry['sr']}, and {source} has {rate} Hz; it must be the rate of the input: "
                f"set it to {rate}",
            )


def _check_steps(name: str, entry: Any, waveforms: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Collect the mistake of a feature in units of PCM-8's steps that reads another waveform."""
    unit = _stated("features", name, entry, "UNIT") or ""
    dtypes = {n: w.get("dtype") for n, w in waveforms.items() if isinstance(w, dict)}
    source = entry.get("source") if isinstance(entry, dict) else None
    if (
        unit.startswith("PCM-8")
        and isinstance(source, str)
        and dtypes.get(source, "int8") != "int8"
    ):
        pcm8 = [waveform for waveform, dtype in dtypes.items() if dtype == "int8"]
        mistakes.add(
            ("features", name, "source"),
            f"its unit is {unit}, and {source} is {dtypes[source]}, not int8; "
            f"{registry.nearest('', pcm8)}",
        )


def check_segment(name: str, segment: Any, mistakes: Mistakes) -> None:
    """Collect what is contradictory in a model's `segment`."""
    if not isinstance(segment, dict):
        return
    length, seconds, hop = (segment.get(key) for key in ("length", "seconds", "hop"))
    where = ("models", name, "segment")
    if length is not None and seconds is not None:
        mistakes.add(where, "has a length and seconds; remove one of them")
    elif hop is not None and length is None and seconds is None:
        mistakes.add((*where, "hop"), "is of pieces without a length; give length or seconds too")
    elif length is not None and isinstance(hop, float) and not hop.is_integer():
        mistakes.add((*where, "hop"), f"must be in whole steps, as length is, got {hop}")


def _stated(folder: str, name: str, entry: Any, constant: str) -> Any:
    """Return a constant of an entry's module; None where that states none, or there is none."""
    kind = entry.get("kind", name) if isinstance(entry, dict) else None
    return _constants(folder, kind).get(constant) if kind in registry.names(folder) else None


@cache
def _constants(folder: str, kind: str) -> dict[str, Any]:
    """Return AXES and UNIT of a module as far as they are written out, read from its text."""
    found: dict[str, Any] = {}
    for node in ast.parse(registry.source_file(folder, kind).read_text("utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="AXES" | "UNIT" as name)], value=value):
                try:
                    found[name] = ast.literal_eval(value)
                except ValueError:  # computed
                    continue
    return found


def _rows(axes: Sequence[str] | None) -> tuple[str, ...]:
    """Return the axes that a model sees, of one copy or one slice; () where they are unknown."""
    axes = tuple(axes or ())
    return axes[1:] if axes[:1] in (("copy",), ("slice",)) else axes


def _fits(given: Sequence[str], needed: Sequence[str]) -> bool:
    """Tell whether axes are as many, with time and columns in the same places."""
    return [a if a in _WHOLE else "" for a in given] == [a if a in _WHOLE else "" for a in needed]


def _listed(axes: Sequence[str]) -> str:
    return f"({', '.join(axes)})"
