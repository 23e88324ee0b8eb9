"""Support vector machine on a clip's 58 statistics: the baseline of paper 003, table 1.

Printed on GTZAN: accuracy .683. The paper states neither kernel nor C: here RBF and C = 1.
"""

from typing import Literal

from pydantic import PositiveFloat
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def svm(
    *,
    multilabel: bool,
    seed: int,
    C: PositiveFloat = 1.0,
    gamma: PositiveFloat | Literal["scale"] = "scale",
) -> Pipeline:
    """StandardScaler -> RBF SVC, with probabilities by temperature scaling (Guo et al. 2017).

    Shape: `fit` takes X (N, statistics) and labels (N,), or (N, n_outputs) zeros and ones if
    `multilabel`, which gives each column a machine of its own. `predict_proba` returns
    (N, n_outputs) float64; columns follow the sorted labels.

    multilabel, seed : given by the training code, not parameters of the model
    C : penalty of a training error
    gamma : the kernel is exp(-gamma |x - y|^2); "scale" is 1 / (statistics * variance of X)

    The temperature is found on the decision values of three held-out folds, drawn by `seed`, of
    the training clips: each class, or both values of each label, must have three or scikit-learn
    raises ValueError. Being one positive factor, it never changes which class is on top, nor which
    side of 0.5 a label falls, so the decisions are the plain SVC's.
    """
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    classifier = CalibratedClassifierCV(
        SVC(C=C, gamma=gamma), method="temperature", cv=folds, ensemble=False
    )
    return make_pipeline(
        StandardScaler(), OneVsRestClassifier(classifier) if multilabel else classifier
    )
