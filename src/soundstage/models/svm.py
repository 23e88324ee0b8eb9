"""Support vector machine on a clip's statistics: the baseline of papers 002, 003 and 004.

Printed on GTZAN: 003, table 1: accuracy .683 on 58 statistics of whole songs; the paper states
neither kernel nor C. 004, table 1: accuracy .75409; by the public notebook behind it on the same
statistics of 3-s slices, with siblings of each test slice in the training part. 002, section IV: F1
.7126 of 3-s slices and .7911 of songs, on features after Tzanetakis and Cook.
"""

from typing import Literal

from pydantic import PositiveFloat
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from soundstage.models._pipeline import FOLDS, calibrated, scaled

AXES = ("column",)  # of its input


def svm(
    *,
    multilabel: bool,
    seed: int,
    C: PositiveFloat = 1.0,
    gamma: PositiveFloat | Literal["scale"] = "scale",
    grid: bool = False,
    grid_C: tuple[PositiveFloat, ...] = (1.0, 10.0, 100.0),
    grid_gamma: tuple[PositiveFloat, ...] = (0.01, 0.03, 0.1),
    scaler: Literal["standard", "minmax", "none"] = "standard",
    scaler_fit: Literal["train", "all"] = "train",
    answers: Literal["decision", "probability"] = "probability",
) -> Pipeline:
    """Scaler -> RBF SVC, by default with probabilities to its decisions: see `calibrated`.

    Shape: `fit` takes X (N, statistics) and labels (N,), or (N, n_outputs) zeros and ones if
    `multilabel`, which gives each column a machine of its own. `predict_proba` returns
    (N, n_outputs) float64; columns follow the sorted labels.

    multilabel, seed : given by the training code, not parameters of the model
    C : penalty of a training error
    gamma : the kernel is exp(-gamma |x - y|^2); "scale" is 1 / (statistics * variance of X)
    grid : choose C and gamma of `grid_C` and `grid_gamma` instead, by accuracy (of a tag: ROC-AUC)
        on three held-out folds of the training part. The scaler knows all of that part.
    scaler, scaler_fit : see `scaled`
    answers : "decision" gives 1 to the class that `SVC.predict` names and 0 to the others, as the
        papers decide; "probability" what ranks of tags and means over segments need

    One machine a pair of classes, which vote. Equal votes are settled by the decision values, where
    libsvm, and so "decision", takes the first class. The `decision_function_shape="ovo"` of 004's
    notebook names what `decision_function` returns and has no part in the decision, so it is no
    parameter.
    """
    machine = SVC(C=C, gamma=gamma)
    classifier = calibrated(machine, seed) if answers == "probability" else machine
    if grid:
        of = "estimator__" if answers == "probability" else ""
        classifier = GridSearchCV(
            classifier,
            {f"{of}C": list(grid_C), f"{of}gamma": list(grid_gamma)},
            scoring="roc_auc" if multilabel else "accuracy",
            cv=StratifiedKFold(FOLDS, shuffle=True, random_state=seed),
        )
    return scaled(scaler, OneVsRestClassifier(classifier) if multilabel else classifier, scaler_fit)
