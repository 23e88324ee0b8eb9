import importlib.util
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
from filelock import FileLock

from soundstage.dsp import lanes
from soundstage.dsp.lanes import (
    kernel,
    load,
    lower,
    repeat,
    root,
    spread,
    store,
    transpose,
    upper,
    where_less,
)


@kernel
def arithmetic(a, b, out):
    x, y = load(a, 0), load(b, 0)
    store(out, 0, x + y)
    store(out, 1, x - y)
    store(out, 2, x * y)
    store(out, 3, x / y)
    store(out, 4, lower(x, y))
    store(out, 5, upper(x, y))
    store(out, 6, root(y))
    store(out, 7, where_less(x, y, spread(2.5), x))


@kernel
def scaled(x, factors, out):
    store(out, 0, load(x, 0) * repeat(factors, 1))


@kernel
def transposed(x, out):
    transpose(x, 1, 2, out, 3, 1)


def test_arithmetic_is_that_of_float32():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(1, 8)).astype(np.float32)
    b = np.abs(rng.normal(size=(1, 8)).astype(np.float32))
    out = np.empty((8, 8), np.float32)
    arithmetic(a, b, out)
    expected = [a + b, a - b, a * b, a / b, np.minimum(a, b), np.maximum(a, b), np.sqrt(b)]
    expected.append(np.where(a < b, np.float32(2.5), a))
    np.testing.assert_array_equal(out, np.vstack(expected))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_float64_is_kept_until_it_is_stored(kind):
    x = np.full((1, 8), 3, np.float32)
    factors = np.array([0, 1 / 3, 0], kind)
    for out in (np.empty((1, 8), np.float32), np.empty((1, 8))):
        scaled(x, factors, out)
        product = (x.astype(kind) * factors[1]).astype(out.dtype)
        np.testing.assert_array_equal(out, product)


def test_transpose_between_rows_that_are_not_neighbours():
    x = np.arange(16 * 8, dtype=np.float32).reshape(16, 8)
    out = np.zeros((12, 8), np.float32)
    transposed(x, out)
    np.testing.assert_array_equal(out[3:11], x[1::2].T)
    assert not out[:3].any()
    assert not out[11:].any()


@pytest.fixture
def one(tmp_path):
    """Return a function that imports anew a module with the kernel `double`."""
    file = tmp_path / "one.py"
    file.write_text(
        "from soundstage.dsp.lanes import kernel\n\n@kernel\ndef double(x):\n    return 2 * x\n"
    )

    def load():
        spec = importlib.util.spec_from_file_location("one", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_one_process_at_a_time_keeps_what_it_compiled(one, tmp_path):
    folder = tmp_path / "__pycache__"
    folder.mkdir()
    with ThreadPoolExecutor(1) as threads, FileLock(folder / "kernels.lock"):
        waiting = threads.submit(one().double, 4)
        assert not wait([waiting], timeout=2).done
        assert not list(folder.glob("*.nb?"))
    assert waiting.result() == 8
    assert len(list(folder.glob("*.nb?"))) == 2


def test_kept_code_is_compiled_again_when_the_folder_changes(one, monkeypatch):
    def hits():
        module = one()
        assert module.double(4) == 8
        return sum(module.double.stats.cache_hits.values())

    assert hits() == 0
    assert hits() == 1
    monkeypatch.setattr(lanes, "_SOURCES", "of another folder")
    assert hits() == 0
