"""Decision tree on a clip's 58 statistics: paper 004, table 1.

Printed on GTZAN: accuracy .64665. The paper names the model only; its parameters, and that it was
scored on 3-s slices with siblings of each in the training part, come from the public notebook
behind the paper, which gives it no seed.
"""

from typing import Literal

from pydantic import PositiveInt
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from soundstage.models._pipeline import scaled

AXES = ("column",)  # of its input


def decision_tree(
    *,
    seed: int,
    max_depth: PositiveInt | None = None,
    scaler: Literal["standard", "minmax", "none"] = "none",
    scaler_fit: Literal["train", "all"] = "train",
) -> Pipeline:
    """Scaler -> one tree (CART, Gini impurity), by default grown until its leaves are pure.

    Shape: `fit` takes X (N, statistics) and labels (N,), or (N, n_outputs) zeros and ones, for
    which one tree splits. `predict_proba` returns (N, n_outputs) float64, columns in order of the
    labels; of several labels a list of n_outputs arrays (N, 2), as scikit-learn does.

    seed : settles which of two equally good columns splits; given by the training code
    max_depth : of the tree
    scaler, scaler_fit : see `scaled`; a tree asks for the order of values only, so they have next
        to no effect
    """
    return scaled(
        scaler, DecisionTreeClassifier(max_depth=max_depth, random_state=seed), scaler_fit
    )
