"""How every stage starts: with this checkout's `src` first on the path.

An editable install points at the main checkout; a queued experiment must run its own copy's code.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from soundstage.stage import run

__all__ = ["run"]
