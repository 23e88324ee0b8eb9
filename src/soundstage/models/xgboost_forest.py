"""Random forest of XGBoost's on a clip's 58 statistics: paper 004, table 1.

Printed on GTZAN: accuracy .74741. The paper names the model only; its parameters, and that it was
scored on 3-s slices with siblings of each in the training part, come from the public notebook
behind the paper.
"""

from typing import Literal

from pydantic import PositiveInt
from sklearn.pipeline import Pipeline
from xgboost import XGBRFClassifier

from soundstage.models._pipeline import scaled

AXES = ("column",)  # of its input


def xgboost_forest(
    *,
    seed: int,
    n_estimators: PositiveInt = 100,
    max_depth: PositiveInt = 6,
    scaler: Literal["standard", "minmax", "none"] = "none",
    scaler_fit: Literal["train", "all"] = "train",
) -> Pipeline:
    """Scaler -> one round of boosting with a forest a class, or a label.

    Shape: `fit` takes X (N, statistics) and labels (N,), which must be 0, 1, ... without a gap, or
    (N, n_outputs) zeros and ones. `predict_proba` returns (N, n_outputs) float32; columns follow
    the sorted labels.

    seed : of the .8 of the rows that a tree sees, and the .8 of the columns that a split does;
        given by the training code
    n_estimators : trees of a forest
    max_depth : of each tree; 6 is XGBoost's own
    scaler, scaler_fit : see `scaled`; a tree asks for the order of values only, so they have next
        to no effect

    The notebook's objective `multi:softmax` trains the same trees as the default, `multi:softprob`,
    and puts out the class alone.
    """
    classifier = XGBRFClassifier(
        n_estimators=n_estimators, max_depth=max_depth, random_state=seed, n_jobs=1
    )
    return scaled(scaler, classifier, scaler_fit)
