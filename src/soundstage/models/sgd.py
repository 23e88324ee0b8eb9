"""Linear support vector machine by stochastic gradient descent: paper 004, table 1.

Printed on GTZAN: accuracy .65532. The paper names the model only; its parameters, and that it was
scored on 3-s slices with siblings of each in the training part, come from the public notebook
behind the paper.
"""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt
from sklearn.linear_model import SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from soundstage.models._pipeline import calibrated, scaled

AXES = ("column",)  # of its input


def sgd(
    *,
    multilabel: bool,
    seed: int,
    l2: PositiveFloat = 1e-4,
    max_iter: PositiveInt = 5000,
    scaler: Literal["standard", "minmax", "none"] = "minmax",
    scaler_fit: Literal["train", "all"] = "train",
    answers: Literal["decision", "probability"] = "probability",
) -> Pipeline:
    """Scaler -> one hinge-loss line a class, by default with probabilities to its decisions.

    Shape: `fit` takes X (N, statistics) and labels (N,), or (N, n_outputs) zeros and ones if
    `multilabel`. `predict_proba` returns (N, n_outputs) float64; columns follow the sorted labels.

    multilabel : given by the training code
    seed : of the rows' order and the folds of `calibrated`; given by the training code
    l2 : penalty on the squared weights, scikit-learn's alpha
    max_iter : epochs at most; training ends when the loss falls by less than 1e-3 for five of them
    scaler, scaler_fit : see `scaled`
    answers : "decision" gives 1 to the class that `predict` names and 0 to the others, as the paper
        decides; "probability" what `calibrated` makes of the decision values
    """
    line = SGDClassifier(loss="hinge", alpha=l2, max_iter=max_iter, random_state=seed, n_jobs=1)
    classifier = calibrated(line, seed) if answers == "probability" else line
    return scaled(scaler, OneVsRestClassifier(classifier) if multilabel else classifier, scaler_fit)
