import numpy as np
import pytest

from soundstage.dsp.power import power_blocks, windowed


def noise(n):
    return np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)


def window(n):
    return np.hamming(n + 1)[:n].astype(np.float32)


def cut(y, start, hop, n, frames):
    """The frames, float64 (frames, n), out of a clip between long silences."""
    before = max(0, -start)
    after = max(0, start + (frames - 1) * hop + n - y.size)
    padded = np.pad(y.astype(np.float64), (before, after))
    first = [start + before + t * hop for t in range(frames)]
    return np.stack([padded[i : i + n] for i in first])


def power(y, w, **where):
    """All blocks, put together."""
    spans, blocks = [], []
    for span, block in power_blocks(y, w, **where):
        spans.extend(range(span.start, span.stop))
        blocks.append(block[:, : span.stop - span.start].copy())
    assert spans == list(range(where["frames"]))
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("y", [noise(1000), np.arange(-100, 100, dtype=np.int8)])
@pytest.mark.parametrize(
    ("start", "hop", "n"),
    [(0, 7, 16), (-50, 30, 100), (-300, 100, 64), (900, 200, 48), (5, 90, 20)],
)
def test_frames_and_zeros_around_the_clip(y, start, hop, n):
    frames = np.full((9, n), np.nan, np.float32)
    windowed(y, start, hop, window(n), False, frames)
    np.testing.assert_allclose(frames, cut(y, start, hop, n, 9) * window(n), rtol=1e-6)


def test_centre_takes_the_mean_away_before_the_window():
    y = np.random.default_rng(0).integers(-128, 128, 400).astype(np.int8)
    frames = np.empty((5, 100), np.float32)
    windowed(y, 0, 75, window(100), True, frames)
    expected = cut(y, 0, 75, 100, 5)
    expected -= expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(frames, expected * window(100), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "n", [1, 2, 3, 4, 8, 16, 25, 32, 100, 128, 256, 441, 512, 1024, 2048, 4096]
)
@pytest.mark.parametrize("centre", [False, True])
def test_is_the_squared_spectrum(n, centre):
    y, hop, frames = noise(40_000), n // 3 + 1, 21
    expected = cut(y, 10, hop, n, frames)
    if centre:
        expected -= expected.mean(axis=1, keepdims=True)
    expected = np.abs(np.fft.rfft(expected * window(n))).T ** 2
    found = power(y, window(n), start=10, hop=hop, frames=frames, centre=centre)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * expected.max() + 1e-15)


@pytest.mark.parametrize(
    ("n", "frames"), [(2048, 1), (2048, 64), (2048, 65), (256, 515), (300, 450)]
)
def test_blocks_join(n, frames):
    y, hop = noise(60_000), 100
    expected = np.abs(np.fft.rfft(cut(y, -n // 2, hop, n, frames) * window(n))).T ** 2
    found = power(y, window(n), start=-n // 2, hop=hop, frames=frames)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * expected.max())


@pytest.mark.parametrize("n", [256, 300, 2048])
def test_a_frame_knows_nothing_of_its_neighbours(n):
    y = noise(40_000)
    many = power(y, window(n), start=0, hop=50, frames=150)
    for t in (0, 5, 63, 64, 149):
        alone = power(y[50 * t : 50 * t + n], window(n), start=0, hop=1, frames=1)
        np.testing.assert_array_equal(alone[:, 0], many[:, t])


def test_no_frames():
    assert not list(power_blocks(noise(10), window(64), start=0, hop=8, frames=0))
