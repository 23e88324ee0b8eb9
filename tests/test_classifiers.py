"""Arrays that training cannot have given: compiled code would follow most of them."""

import numpy as np
import pytest
from sklearn.utils.multiclass import _ovr_decision_function
from trained import COLUMNS, asked, trained

from soundstage.classifiers import _votes
from soundstage.untrusted_arrays import UntrustedFileError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def put(place, value):
    def change(array):
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "array", "change", "what"),
    [
        ("svm", "of_class", put(0, 1000), "of_class"),
        ("svm", "of_class", put(slice(None), (-1, 30, 31)), "of_class"),
        ("svm", "of_class", put(slice(None), 2**31 - 1), "of_class"),
        ("svm", "gamma", lambda gamma: -gamma, "gamma"),
        ("svm", "gamma", lambda gamma: 0 * gamma, "gamma"),
        ("naive_bayes", "variance", put((0, 0), 0), "the Gaussians"),
        ("naive_bayes", "variance", put((2, 1), -1), "the Gaussians"),
        ("naive_bayes", "prior", put(0, 0), "the Gaussians"),
        ("naive_bayes", "prior", put(1, 1.5), "the Gaussians"),
        ("knn", "labels", put(5, 3), "the labels"),
        ("knn", "labels", put(5, -1), "the labels"),
        ("knn", "labels", put(5, 2**62), "the labels"),
        ("knn", "labels", lambda labels: labels % 2, "the labels"),  # one class is missing
    ],
)
def test_what_cannot_be_is_refused(name, array, change, what):
    arrays = trained(name).arrays
    with pytest.raises(UntrustedFileError, match=what):
        asked(name, "three", arrays | {array: change(arrays[array].copy())})


def test_labels_of_tags_are_zero_and_one():
    arrays = trained("knn", "tags").arrays
    for change in (put((5, 2), 2), put((5, 2), -1), put((slice(None), 1), 0)):
        with pytest.raises(UntrustedFileError, match="the labels"):
            asked("knn", "tags", arrays | {"labels": change(arrays["labels"].copy())})


def test_neighbours_need_rows_enough():
    arrays = trained("knn", k=3).arrays
    few = {"rows": arrays["rows"][:3], "labels": arrays["labels"][:3]}
    X = np.zeros((1, COLUMNS))
    np.testing.assert_allclose(asked("knn", "three", arrays | few, k=3)(X), [[1 / 3] * 3])
    with pytest.raises(UntrustedFileError, match="3 rows, which are too few"):
        asked("knn", "three", arrays | few, k=4)


def test_a_given_gamma_is_that_of_the_arrays():
    arrays = trained("svm", gamma=0.5).arrays
    assert arrays["gamma"] == 0.5
    with pytest.raises(UntrustedFileError, match="gamma"):
        asked("svm", "three", arrays, gamma=0.25)


@pytest.mark.parametrize("pairs", [[1, 0.5, -1], [0, 0, 0], [-3, 2, 9]])
def test_votes_are_those_of_scikit_learn(pairs):
    pairs = np.array([pairs, [1, -2, 3]], float)
    np.testing.assert_array_equal(_votes(pairs, 3), _ovr_decision_function(pairs < 0, -pairs, 3))
