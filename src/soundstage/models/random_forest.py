"""Random forest on a clip's 58 statistics: paper 004, table 1.

Printed on GTZAN: accuracy .81415. The paper names the model only; its parameters, and that it was
scored on 3-s slices with siblings of each in the training part, come from the public notebook
behind the paper.
"""

from typing import Literal

from pydantic import PositiveInt
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from soundstage.models._pipeline import scaled

AXES = ("column",)  # of its input


def random_forest(
    *,
    seed: int,
    n_estimators: PositiveInt = 1000,
    max_depth: PositiveInt | None = 10,
    scaler: Literal["standard", "minmax", "none"] = "none",
    scaler_fit: Literal["train", "all"] = "train",
) -> Pipeline:
    """Scaler -> the mean probability of trees, each grown on a bootstrap sample of the rows.

    Shape: `fit` takes X (N, statistics) and labels (N,), or (N, n_outputs) zeros and ones, for
    which each tree splits. `predict_proba` returns (N, n_outputs) float64, columns in order of the
    labels; of several labels a list of n_outputs arrays (N, 2), as scikit-learn does.

    seed : of the samples, and of the columns each split may choose from; given by the training code
    n_estimators : trees
    max_depth : of each tree
    scaler, scaler_fit : see `scaled`; a tree asks for the order of values only, so they have next
        to no effect
    """
    classifier = RandomForestClassifier(
        n_estimators, max_depth=max_depth, random_state=seed, n_jobs=1
    )
    return scaled(scaler, classifier, scaler_fit)
