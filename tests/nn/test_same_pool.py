import math

import pytest
import torch

from soundstage.nn.same_pool import SamePool2d


def along(values, size):
    """Pool one line, down a column of equal values."""
    x = torch.tensor(values)[None, None, None, :].expand(1, 1, 6, -1)
    y = SamePool2d(size)(x)
    assert (y == y[:, :, :1]).all()
    return y[0, 0, 0].tolist()


def test_an_odd_length_is_padded_before_and_behind():
    # (3 - 1) * 2 + 3 - 5 = 2 are missing: windows (_, 5, 1), (1, 2, 3), (3, 4, _)
    assert along([5.0, 1.0, 2.0, 3.0, 4.0], size=3) == [5, 3, 4]


def test_an_even_length_is_padded_behind():
    # 1 is missing: windows (5, 1, 2), (2, 4, _)
    assert along([5.0, 1.0, 2.0, 4.0], size=3) == [5, 4]


def test_pairs_of_an_odd_length():
    assert along([5.0, 1.0, 2.0], size=2) == [5, 2]
    assert along([5.0, 1.0, 2.0, 3.0], size=2) == [5, 3]


def test_padding_never_wins():
    assert along([-5.0, -1.0, -2.0], size=3) == [-1, -1]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [1, 2, 3, 13, 128])
def test_length_is_half_rounded_up(n, size):
    x = torch.randn(2, 3, n, n, generator=torch.Generator().manual_seed(0))
    y = SamePool2d(size)(x)
    assert y.shape == (2, 3, math.ceil(n / 2), math.ceil(n / 2))
    assert y.isfinite().all()
