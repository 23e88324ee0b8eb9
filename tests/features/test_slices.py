import numpy as np
import pytest

from soundstage.features.librosa_stats import librosa_stats
from soundstage.features.librosa_stats_slices import librosa_stats_slices
from soundstage.features.tzanetakis import tzanetakis
from soundstage.features.tzanetakis_slices import tzanetakis_slices

SR = 22050


@pytest.fixture(scope="module")
def y():
    return np.random.default_rng(0).normal(0, 0.1, 7 * SR).astype(np.float32)


def test_a_slice_has_the_statistics_of_its_samples_and_the_rest_is_left_out(y):
    found = librosa_stats_slices(y, SR)
    assert found.shape == (2, 58)
    np.testing.assert_array_equal(found[1], librosa_stats(y[3 * SR : 6 * SR], SR))


def test_a_slice_is_mirrored_at_its_own_ends(y):
    found = librosa_stats_slices(y, SR, convention="librosa-0.7")
    expected = librosa_stats(y[3 * SR : 6 * SR], SR, convention="librosa-0.7")
    np.testing.assert_array_equal(found[1], expected)
    assert (found != librosa_stats_slices(y, SR)).any()


def test_a_short_clip_is_one_slice(y):
    np.testing.assert_array_equal(librosa_stats_slices(y[:SR], SR)[0], librosa_stats(y[:SR], SR))


def test_windows_differ_in_timbre_and_their_mean_is_the_clips(y):
    found, clip = tzanetakis_slices(y, SR), tzanetakis(y, SR)
    assert found.shape == (2, 30)
    assert (found[0, :19] != found[1, :19]).any()
    np.testing.assert_allclose(found[:, :19].mean(axis=0), clip[:19])
    np.testing.assert_array_equal(found[0, 19:], clip[19:])
    np.testing.assert_array_equal(found[1, 19:], clip[19:])
