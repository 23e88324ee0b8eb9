"""librosa's compiled functions, made in one process before others import them.

numba compiles some of librosa's functions while librosa is imported, and keeps them on disk in two
files that must belong together. Two processes that compile the same function at once leave the one
file of one and the other of the other: every later process that calls it crashes.

`warm_up` does it ahead, when an environment is set up.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from soundstage import fingerprint

# The modules of librosa that compile when they are imported.
_EAGER = (
    "librosa.util.utils",
    "librosa.core.audio",
    "librosa.core.convert",
    "librosa.core.notation",
    "librosa.core.pitch",
    "librosa.beat",
)


def warm(kept: Path) -> None:
    """Compile librosa's functions, if this environment has not: one process does, others wait.

    `kept` is the folder that remembers it.
    """
    found = find_spec("librosa")
    if found is None or found.origin is None:
        return
    file = Path(found.origin)
    where = [str(file), file.stat().st_mtime_ns, os.environ.get("NUMBA_CACHE_DIR", "")]
    mark = kept / "compiled" / fingerprint.digest(where)
    if mark.exists():
        return
    mark.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{mark}.lock"):
        if not mark.exists():
            for module in _EAGER:
                import_module(module)
            mark.touch()
