import numpy as np
import pytest

from soundstage.dsp.moments import moments


@pytest.mark.parametrize("n", [1, 7, 8, 9, 511, 512, 513, 100_001])
@pytest.mark.parametrize("offset", [0, 100])
def test_mean_and_variance(n, offset):
    x = (np.random.default_rng(n).normal(size=n) + offset).astype(np.float32)
    mean, variance = moments(x)
    assert mean == pytest.approx(x.mean(dtype=np.float64), rel=1e-6, abs=1e-8)
    assert variance == pytest.approx(x.var(dtype=np.float64), rel=1e-5, abs=1e-9)


def test_of_a_matrix_and_of_a_part_of_it():
    x = np.random.default_rng(0).normal(size=(12, 100)).astype(np.float32)
    assert moments(x) == moments(x.ravel())
    assert moments(x[:, :50]) == moments(x[:, :50].copy())
