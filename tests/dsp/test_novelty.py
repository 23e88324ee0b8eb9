import numpy as np
import pytest

from soundstage.dsp.novelty import boundaries, novelty


def by_the_whole_matrix(features, width):
    x = features - features.mean(axis=1, keepdims=True)
    x = x / np.sqrt(np.sum(x**2, axis=0) + len(x))
    x = np.pad(x, ((0, 0), (width, width)), mode="symmetric")
    S = x.T @ x
    place = np.arange(-width, width) + 0.5
    side = np.sign(place) * np.exp(-(place**2) / (2 * (width / 2) ** 2))
    kernel = np.outer(side, side)
    kernel /= np.abs(kernel).sum()
    size = 2 * width
    return [np.sum(kernel * S[i : i + size, i : i + size]) for i in range(features.shape[1])]


@pytest.mark.parametrize(("blocks", "width"), [(50, 4), (50, 7), (9, 8), (3, 8), (1, 2)])
def test_equals_the_whole_matrix(blocks, width):
    features = np.random.default_rng(0).normal(0, 10, (5, blocks))
    np.testing.assert_allclose(
        novelty(features, width), by_the_whole_matrix(features, width), rtol=1e-9, atol=1e-12
    )


def test_a_change_is_high_where_it_happens():
    a, b = np.array([[10.0], [-20.0]]), np.array([[-15.0], [5.0]])
    features = np.repeat(np.hstack([a, b, a]), 20, axis=1)
    curve = novelty(features, 8)
    np.testing.assert_array_equal(boundaries(curve, 0.1, 4), [20, 40])
    assert curve[20] == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(curve[[5, 30, 55]], 0, atol=1e-6)


def test_small_differences_are_none():
    features = np.random.default_rng(0).normal(0, 1e-3, (30, 60))
    assert not boundaries(novelty(features, 8), 0.01, 4).size
    assert not novelty(np.full((3, 10), -90.0), 4).any()


def test_no_boundary_near_the_ends():
    curve = np.zeros(20)
    curve[[2, 10, 18]] = 1
    np.testing.assert_array_equal(boundaries(curve, 0.5, 3), [10])
    np.testing.assert_array_equal(boundaries(curve, 0.5, 2), [2, 10, 18])
