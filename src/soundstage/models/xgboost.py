"""Gradient-boosted trees on a clip's 58 statistics: paper 004, table 1.

Printed on GTZAN: accuracy .90123, the paper's best. The paper names the model only; its parameters,
and that it was scored on 3-s slices with siblings of each in the training part, come from the
public notebook behind the paper.
"""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from soundstage.models._pipeline import scaled

AXES = ("column",)  # of its input


def xgboost(
    *,
    seed: int,
    n_estimators: PositiveInt = 1000,
    learning_rate: PositiveFloat = 0.05,
    max_depth: PositiveInt = 6,
    scaler: Literal["standard", "minmax", "none"] = "none",
    scaler_fit: Literal["train", "all"] = "train",
) -> Pipeline:
    """Scaler -> boosting (Chen and Guestrin 2016), in each round one tree a class, or a label.

    Shape: `fit` takes X (N, statistics) and labels (N,), which must be 0, 1, ... without a gap, or
    (N, n_outputs) zeros and ones. `predict_proba` returns (N, n_outputs) float32; columns follow
    the sorted labels.

    seed : given by the training code; the default set-up draws nothing
    n_estimators : rounds
    learning_rate : share of a tree's answer that is added
    max_depth : of each tree; 6 is XGBoost's own
    scaler, scaler_fit : see `scaled`; a tree asks for the order of values only, so they have next
        to no effect
    """
    classifier = XGBClassifier(
        n_estimators=n_estimators,
        learning_rate=learning_rate,
        max_depth=max_depth,
        random_state=seed,
        n_jobs=1,
    )
    return scaled(scaler, classifier, scaler_fit)
