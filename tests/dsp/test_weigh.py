import librosa
import numpy as np
import pytest

from soundstage.dsp.weigh import weigh, weights


def banded():
    matrix = np.zeros((12, 40))
    matrix[2, 7:9] = matrix[3, 30] = 1.5  # the second four rows are empty
    matrix[8:, 39] = [1, 2, 3, 4]
    return matrix


@pytest.mark.parametrize(
    "matrix",
    [
        np.random.default_rng(0).normal(size=(20, 128)),
        librosa.filters.mel(sr=22050, n_fft=1024, n_mels=64),
        banded(),
    ],
    ids=["dense", "mel", "banded"],
)
def test_is_a_matrix_product(matrix):
    prepared = weights(matrix)
    x = np.random.default_rng(1).normal(size=(3, matrix.shape[1] + 5, 8)).astype(np.float32)
    out = np.empty((3, prepared.n_rows, 8), np.float32)
    weigh(*prepared, x, out)
    expected = matrix @ x[:, : matrix.shape[1]]
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
