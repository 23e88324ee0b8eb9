import numpy as np
import pytest
import scipy.fft

from soundstage.dsp.timbre import BASIS, timbre

FLOOR = -90.0


def patch(bands=24, frames=10):
    return np.random.default_rng(0).uniform(-90, 0, (bands, frames))


def test_equals_a_two_dimensional_dct():
    levels = patch(frames=17)
    starts = np.array([0, 7])
    for row, part in zip(
        timbre(levels, starts, FLOOR), (levels[:, :7], levels[:, 7:]), strict=True
    ):
        dct = scipy.fft.dctn(part - FLOOR, norm="ortho") / np.sqrt(part.size)
        np.testing.assert_allclose(row, [dct[i, j] for i, j in BASIS], rtol=1e-9, atol=1e-9)


def test_the_first_is_the_mean_level():
    levels = patch()
    assert timbre(levels, np.zeros(1, int), FLOOR)[0, 0] == pytest.approx(levels.mean() + 90)
    louder = timbre(levels + 6, np.zeros(1, int), FLOOR) - timbre(levels, np.zeros(1, int), FLOOR)
    np.testing.assert_allclose(louder[0], [6] + [0] * 11, atol=1e-9)


def test_the_second_to_fourth_are_brightness_flatness_attack():
    low, middle, early = (np.full((24, 10), FLOOR) for _ in range(3))
    low[:8], middle[8:16], early[:, :3] = -30, -30, -30
    rows = [timbre(levels, np.zeros(1, int), FLOOR)[0] for levels in (low, middle, early)]
    for row, coefficient, sign in zip(rows, (1, 2, 3), (1, -1, 1), strict=True):
        assert np.abs(row[1:]).argmax() + 1 == coefficient
        assert np.sign(row[coefficient]) == sign


def test_a_single_frame_has_no_course():
    row = timbre(patch(frames=1), np.zeros(1, int), FLOOR)[0]
    assert not row[[k for k, (_, j) in enumerate(BASIS) if j]].any()


def test_silence_is_zero():
    assert not timbre(np.full((24, 9), FLOOR), np.array([0, 4]), FLOOR).any()
