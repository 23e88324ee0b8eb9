"""What the scikit-learn and XGBoost models have in common: a scaler first, probabilities last."""

from typing import Literal

from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

FOLDS = 3  # of the training clips; fewer where a class has fewer, see `estimators.GroupedFolds`


def scaled(scaler: str, classifier: BaseEstimator, fit: Literal["train", "all"]) -> Pipeline:
    """Return a pipeline of a scaler and a classifier.

    scaler : "standard" takes each column to mean 0 and variance 1; "minmax" to [0, 1], which
        columns of other data may leave; "none" changes nothing
    fit : "train" fits the scaler on what the classifier is fitted on. "all", as the notebook behind
        paper 004 does, on the rows of all parts, test included, which is a leak: `fit` of the
        pipeline leaves the scaler alone, and `estimators.Estimator` sees to it before
    """
    steps = {"standard": StandardScaler(), "minmax": MinMaxScaler(), "none": "passthrough"}
    step = steps[scaler]
    frozen = fit == "all" and step != "passthrough"
    return Pipeline(
        [("scaler", FrozenEstimator(step) if frozen else step), ("classifier", classifier)]
    )


def calibrated(classifier: BaseEstimator, seed: int) -> CalibratedClassifierCV:
    """Return a classifier that decides as `classifier` does, with probabilities to its decisions.

    They come from temperature scaling (Guo et al. 2017). The temperature is found on the decision
    values of three held-out folds, drawn by `seed`, of the training clips: each class, or both
    values of each label, must have three or scikit-learn raises ValueError. Being one positive
    factor, it never changes which class is on top, nor which side of 0.5 a label falls.
    """
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return CalibratedClassifierCV(classifier, method="temperature", cv=folds, ensemble=False)
