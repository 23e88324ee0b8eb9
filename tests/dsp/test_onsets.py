import numpy as np
import pytest

from soundstage.dsp.onsets import onset_strength, segments

SR = 22050


def strength(levels):
    return onset_strength(levels, SR, n_fft=2048, hop_length=512)


def test_a_rise_of_all_bands_is_its_decibels():
    levels = np.full((24, 60), -90.0)
    levels[:, 20:] = -60.0
    onsets = strength(levels)
    assert onsets.argmax() == 22  # half a frame of 2048 is two hops later
    assert onsets.max() == pytest.approx(30)
    assert np.count_nonzero(onsets) == 1


def test_ripple_and_falling_are_no_onsets():
    levels = np.full((24, 60), -30.0)
    levels[:, 1::2] += 0.3
    levels[:, 40:] -= 50
    assert not strength(levels).any()


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_few_frames(frames):
    onsets = strength(np.cumsum(np.full((24, frames), 5.0), axis=1))
    assert onsets.shape == (frames,)
    starts, sure = segments(onsets, SR, hop_length=512, delta=0.07)
    assert starts[0] == 0
    assert sure[0] == 1


def test_segments_start_where_strength_begins_to_rise():
    onsets = np.zeros(200)
    for place, height in ((50, 1.0), (120, 0.5)):
        onsets[place - 2 : place + 1] += np.array([0.2, 0.6, 1.0]) * height
    starts, sure = segments(onsets, SR, hop_length=512, delta=0.07)
    np.testing.assert_array_equal(starts, [0, 47, 117])
    np.testing.assert_allclose(sure, [1, 1, 0.5])


def test_delta_leaves_out_the_small():
    onsets = np.zeros(200)
    onsets[[50, 120]] = [1.0, 0.2]
    assert len(segments(onsets, SR, hop_length=512, delta=0.07)[0]) == 3
    assert len(segments(onsets, SR, hop_length=512, delta=0.5)[0]) == 2


def test_silence_is_one_segment():
    starts, sure = segments(np.zeros(50), SR, hop_length=512, delta=0.07)
    np.testing.assert_array_equal(starts, [0])
    np.testing.assert_array_equal(sure, [1])
