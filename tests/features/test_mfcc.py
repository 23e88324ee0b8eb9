from collections import Counter

import librosa
import numpy as np
import pytest
import scipy.fft

from soundstage.errors import SoundstageError
from soundstage.features.mfcc import mfcc

SR = 22050
SLICE = 3 * SR


def noise(n):
    return np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)


def as_the_paper(y):
    """Paper 004's loop: ten segments a file, kept where they give 130 frames."""
    segments = (y[i : i + SLICE] for i in range(0, 10 * SLICE, SLICE))
    found = (
        librosa.feature.mfcc(y=segment, sr=SR, n_mfcc=13, n_fft=2048, hop_length=512).T
        for segment in segments
        if segment.size
    )
    return np.stack([coefficients for coefficients in found if len(coefficients) == 130])


def test_equals_librosa_by_slice():
    y = np.concatenate([noise(SLICE), 1e-5 * noise(SLICE), noise(SLICE - 102)])
    y[:SR] *= 1e-6  # below the floor that the loud rest of its slice sets
    coefficients = mfcc(y, SR)
    assert coefficients.shape == (3, 130, 13)
    np.testing.assert_allclose(coefficients, as_the_paper(y), rtol=1e-5, atol=1e-3)


def chord(n):
    t = np.arange(n) / SR
    return sum(0.2 * np.sin(2 * np.pi * hertz * t) for hertz in (261.6, 329.6, 392.0))


@pytest.mark.parametrize(
    "y",
    [
        noise(3 * SLICE),
        chord(2 * SLICE).astype(np.float32),
        (chord(2 * SLICE) + 0.01 * noise(2 * SLICE)).astype(np.float32),
    ],
    ids=["noise", "chord", "both"],
)
def test_is_within_a_millionth_of_librosa(y):
    reference = as_the_paper(y)
    difference = np.linalg.norm(mfcc(y, SR).astype(np.float64) - reference)
    assert difference <= 1e-6 * np.linalg.norm(reference)


@pytest.mark.parametrize(
    ("n_mfcc", "n_fft", "hop_length"), [(1, 2048, 512), (40, 4096, 300), (128, 3000, 1000)]
)
def test_other_parameters_equal_librosa(n_mfcc, n_fft, hop_length):
    y = noise(SR)
    coefficients = mfcc(y, SR, slice_seconds=1, n_mfcc=n_mfcc, n_fft=n_fft, hop_length=hop_length)
    reference = librosa.feature.mfcc(y=y, sr=SR, n_mfcc=n_mfcc, n_fft=n_fft, hop_length=hop_length)
    np.testing.assert_allclose(coefficients[0], reference.T, rtol=1e-5, atol=1e-3)


def test_is_the_orthonormal_dct_of_decibels():
    y = noise(SLICE)
    decibels = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR))
    expected = scipy.fft.dct(decibels.astype(np.float64), axis=0, norm="ortho")[:13].T
    np.testing.assert_allclose(mfcc(y, SR)[0], expected, rtol=0, atol=1e-3)


def test_twice_the_amplitude_moves_the_first_coefficient_only():
    y = noise(SLICE)
    change = mfcc(2 * y, SR) - mfcc(y, SR)
    np.testing.assert_allclose(change[..., 0], 20 * np.log10(2) * np.sqrt(128), rtol=1e-4)
    np.testing.assert_allclose(change[..., 1:], 0, atol=1e-3)


def test_a_slice_knows_nothing_of_its_neighbours():
    y, louder = noise(2 * SLICE), noise(2 * SLICE)
    louder[SLICE:] *= 1000
    np.testing.assert_array_equal(mfcc(y, SR)[0], mfcc(louder, SR)[0])


@pytest.mark.parametrize(
    ("n", "slices"),
    [
        (1, 0),
        (66_047, 0),
        (66_048, 1),  # 129 hops: the least that has 130 frames
        (66_150, 1),
        (660_000, 9),  # the four short clips of GTZAN
        (661_100, 9),
        (661_344, 9),
        (661_397, 9),
        (661_398, 10),
        (661_408, 10),
        (661_504, 10),
        (661_794, 10),
        (675_808, 10),
    ],
)
def test_slices_of_a_clip(n, slices):
    assert mfcc(np.zeros(n, np.float32), SR).shape == (slices, 130, 13)


def test_gtzan_has_9986_slices(gtzan_table):
    lengths = Counter(
        int(row["length"])
        for row in gtzan_table
        if not row["filename"].startswith("jazz.00054")  # unreadable in the paper's copy
    )
    slices = sum(
        count * len(mfcc(np.zeros(n, np.float32), SR, n_mfcc=1)) for n, count in lengths.items()
    )
    assert slices == 9986


def test_parameters():
    y = noise(2 * SR)
    shape = mfcc(y, SR, slice_seconds=0.5, n_mfcc=20, n_fft=1024, hop_length=256).shape
    assert shape == (4, 44, 20)


@pytest.mark.parametrize("parameters", [{"slice_seconds": 0.05}, {"hop_length": 70_000}])
def test_refuses_slices_shorter_than_a_frame(parameters):
    with pytest.raises(SoundstageError, match="raise slice_seconds"):
        mfcc(noise(SLICE), SR, **parameters)


def test_refuses_more_coefficients_than_bands():
    with pytest.raises(SoundstageError, match="n_mfcc=129"):
        mfcc(noise(SLICE), SR, n_mfcc=129)
