"""The data set `demo` with fewer clips of the 30 seconds that the papers' data sets have."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from soundstage.datasets import demo
from soundstage.datasets.demo import CITATION, HONEST, LICENCE, METADATA, tracks

__all__ = ["CITATION", "HONEST", "LICENCE", "METADATA", "fetch", "tracks"]


def fetch(
    root: Path,
    own: Path,
    metadata: Mapping[str, Path],
    *,
    clips_per_style: PositiveInt = 10,
    seconds: PositiveFloat = 30.0,
    seed: NonNegativeInt = 0,
) -> None:
    """Render what is missing under `root`, see `demo.fetch`."""
    demo.fetch(root, own, metadata, clips_per_style=clips_per_style, seconds=seconds, seed=seed)
