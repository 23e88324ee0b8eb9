import subprocess
import sys
from pathlib import Path

from soundstage import numba_cache

# Saves many signatures of one function into its cache, as fast as it can.
PROGRAM = """
import sys
import numpy as np
from numba import njit
from soundstage import numba_cache
numba_cache.guard()
sys.path.insert(0, ".")
from kernel import twice
for n in range(1, 4):
    for dtype in sys.argv[1:]:
        x = np.ones((2,) * n, dtype)
        assert (twice(x) == 2).all()
"""
KERNEL = """
from numba import njit

@njit(cache=True)
def twice(x):
    return x + x
"""


def test_processes_that_compile_at_once_leave_a_whole_cache(tmp_path):
    (tmp_path / "kernel.py").write_text(KERNEL)
    source = str(Path(numba_cache.__file__).parents[1])

    def start(*dtypes):
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *dtypes], cwd=tmp_path, env={"PYTHONPATH": source}
        )

    together = [start("float32", "int64"), start("int64", "float32"), start("float64", "int32")]
    assert [process.wait() for process in together] == [0, 0, 0]
    assert start("float32", "int64", "float64", "int32").wait() == 0
    assert len(list(tmp_path.rglob("*.nbc"))) == 3 * 4
