import os
import subprocess
import sys
from pathlib import Path

from soundstage import numba_cache

# With one of its modules alone, since all take a minute.
PROGRAM = """
from pathlib import Path
from soundstage import numba_cache
numba_cache._EAGER = ("librosa.util.utils",)
numba_cache.warm(Path("kept"))
import librosa, numpy as np
assert librosa.util.localmax(np.array([0.0, 2.0, 1.0])).tolist() == [False, True, False]
"""


def test_processes_that_start_at_once_leave_a_cache_that_works(tmp_path):
    source = str(Path(numba_cache.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": source, "NUMBA_CACHE_DIR": str(tmp_path / "numba")}

    def start():
        command = [sys.executable, "-c", PROGRAM]
        return subprocess.Popen(command, cwd=tmp_path, env=environment)

    together = [start(), start()]
    assert [process.wait() for process in together] == [0, 0]
    assert start().wait() == 0
    marks = [path for path in (tmp_path / "kept" / "compiled").iterdir() if not path.suffix]
    assert len(marks) == 1
