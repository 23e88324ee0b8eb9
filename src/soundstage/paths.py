"""Where things lie, relative to the project's folder (or, kept over runs, to DVC's main checkout).

A queued experiment runs in a copy of the project that DVC deletes. What must outlive it lies under
`kept()`: DVC tells its stages the main checkout's folder in `DVC_ROOT`.
"""

import os
from pathlib import Path

FILES = Path("data/files.parquet")
METADATA = Path("data/metadata.json")
DATASET = Path("data/dataset.json")
SUPPLIED = Path("data/supplied")
TRACKS = Path("data/tracks.parquet")
SPLITS = Path("data/splits.parquet")
STORE = Path("data/store")
QUARANTINE = Path("data/quarantine")
WARNINGS = Path("data/warnings")
WARNED = WARNINGS / "decode"  # of each waveform
VIEWS = Path("data/views")
CHECKPOINTS = Path("data/checkpoints")
CURVES = Path("data/curves")
PREDICTIONS = Path("data/predictions.parquet")
PLOTS = Path("data/plots")
CODE = Path("data/.code")
INGEST = Path("metrics/ingest")
FEATURES = Path("metrics/features")
LEAKAGE = Path("metrics/leakage.json")
TEST = Path("metrics/test.json")


def main_checkout() -> Path:
    """Return the folder of the main checkout, also inside a queued experiment."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def kept() -> Path:
    """Return the folder of what runs share: finished shards, remembered hashes."""
    return main_checkout() / ".soundstage"


def raw(dataset: str) -> Path:
    """Return the folder in which a data set without a folder of its own is rendered."""
    return main_checkout() / "data" / "raw" / dataset
