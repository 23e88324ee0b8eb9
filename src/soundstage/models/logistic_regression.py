"""Logistic regression on a clip's 58 statistics: paper 004, table 1.

Printed on GTZAN: accuracy .69570. The paper names the model only; its parameters, and that it was
scored on 3-s slices with siblings of each in the training part, come from the public notebook
behind the paper.
"""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from soundstage.models._pipeline import scaled

AXES = ("column",)  # of its input


def logistic_regression(
    *,
    multilabel: bool,
    C: PositiveFloat = 1.0,
    max_iter: PositiveInt = 100,
    scaler: Literal["standard", "minmax", "none"] = "minmax",
    scaler_fit: Literal["train", "all"] = "train",
) -> Pipeline:
    """Scaler -> multinomial logistic regression by L-BFGS.

    Shape: `fit` takes X (N, statistics) and labels (N,), or (N, n_outputs) zeros and ones if
    `multilabel`, which gives each column a regression of its own. `predict_proba` returns
    (N, n_outputs) float64; columns follow the sorted labels.

    multilabel : given by the training code
    C : inverse of the L2 penalty on the weights
    max_iter : steps at most; scikit-learn warns where they do not suffice
    scaler, scaler_fit : see `scaled`

    L-BFGS draws nothing, so there is no seed.
    """
    classifier = LogisticRegression(C=C, max_iter=max_iter)
    return scaled(scaler, OneVsRestClassifier(classifier) if multilabel else classifier, scaler_fit)
