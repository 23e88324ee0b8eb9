"""Gaussian naive Bayes on a clip's 58 statistics: paper 004, table 1.

Printed on GTZAN: accuracy .51952. The paper names the model only; its parameters, and that it was
scored on 3-s slices with siblings of each in the training part, come from the public notebook
behind the paper.
"""

from typing import Literal

from pydantic import NonNegativeFloat
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from soundstage.models._pipeline import scaled

AXES = ("column",)  # of its input


def naive_bayes(
    *,
    multilabel: bool,
    var_smoothing: NonNegativeFloat = 1e-9,
    scaler: Literal["standard", "minmax", "none"] = "minmax",
    scaler_fit: Literal["train", "all"] = "train",
) -> Pipeline:
    """Scaler -> a Gaussian a column and class, columns taken to be independent.

    Shape: `fit` takes X (N, statistics) and labels (N,), or (N, n_outputs) zeros and ones if
    `multilabel`, which gives each column a model of its own. `predict_proba` returns
    (N, n_outputs) float64; columns follow the sorted labels.

    multilabel : given by the training code
    var_smoothing : share of the largest variance that is added to all
    scaler, scaler_fit : see `scaled`

    There is nothing to draw, so no seed.
    """
    classifier = GaussianNB(var_smoothing=var_smoothing)
    return scaled(scaler, OneVsRestClassifier(classifier) if multilabel else classifier, scaler_fit)
