"""`params.yaml`, typed: every mistake is reported at once, with its line and the nearest name."""

from soundstage.params.entries import Component
from soundstage.params.reading import Params, load
from soundstage.params.sections import (
    Cut,
    Evaluation,
    Labels,
    Rule,
    Section,
    Segment,
    Shared,
    Split,
    Training,
    Waveform,
)

__all__ = [
    "Component",
    "Cut",
    "Evaluation",
    "Labels",
    "Params",
    "Rule",
    "Section",
    "Segment",
    "Shared",
    "Split",
    "Training",
    "Waveform",
    "load",
]
