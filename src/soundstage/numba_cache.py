"""numba's cache on disk, made safe for processes that compile at once.

numba writes compiled code in two files, an index and the code, and two processes that save into one
index can leave it naming the other's code: every later process that loads it crashes. librosa's
functions are cached next to librosa, where whatever runs in that environment meets.
"""

from typing import Any

from filelock import FileLock
from numba.core.caching import IndexDataCacheFile

_save = IndexDataCacheFile.save


def _save_alone(self: Any, key: Any, data: Any) -> None:
    with FileLock(f"{self._index_path}.lock"):
        _save(self, key, data)


def guard() -> None:
    """Let one process at a time save into an index; calling it again changes nothing."""
    IndexDataCacheFile.save = _save_alone  # type: ignore[method-assign]
