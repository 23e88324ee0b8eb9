import csv
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def gtzan_table() -> list[dict[str, str]]:
    """The public GTZAN feature table, which is never committed: one dict per track."""
    folder = os.environ.get("SOUNDSTAGE_REFERENCE")
    if not folder or not (path := Path(folder, "gtzan", "features_30_sec.csv")).is_file():
        pytest.skip("SOUNDSTAGE_REFERENCE names no folder that holds gtzan/features_30_sec.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
