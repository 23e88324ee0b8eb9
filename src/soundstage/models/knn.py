"""k nearest neighbours on a clip's 58 statistics: the baseline of papers 003 and 004.

Printed on GTZAN: 003, table 1: accuracy .605 on whole songs; the paper does not state k. 004, table
1: accuracy .80581; by the public notebook behind it with k = 19 and on 3-s slices, where the
nearest are often slices of the same song.
"""

from typing import Literal

from pydantic import PositiveInt
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from soundstage.models._pipeline import scaled

AXES = ("column",)  # of its input


def knn(
    *,
    k: PositiveInt = 5,
    scaler: Literal["standard", "minmax", "none"] = "standard",
    scaler_fit: Literal["train", "all"] = "train",
) -> Pipeline:
    """Scaler -> the shares of each label among the k nearest training rows (Euclidean).

    Shape: `fit` takes X (N, statistics) and labels (N,), or (N, n_outputs) zeros and ones.
    `predict_proba` returns (N, n_outputs) float64, columns in order of the labels; of several
    labels a list of n_outputs arrays (N, 2), as scikit-learn does.

    k : neighbours; of equal shares the first label counts
    scaler, scaler_fit : see `scaled`

    There is nothing to draw, so no seed. A training part of fewer than k rows is a ValueError of
    `predict_proba`.
    """
    # Brute: exact, and a file of it holds no search tree that would have to be checked.
    return scaled(scaler, KNeighborsClassifier(k, algorithm="brute", n_jobs=1), scaler_fit)
