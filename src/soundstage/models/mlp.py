"""Multi-layer perceptron on a clip's 58 statistics: the baseline of paper 003, table 1.

Printed on GTZAN: accuracy .712. The paper states nothing of it: here scikit-learn's own, one hidden
layer of 100. (Paper 004's perceptrons read MFCC slices: `mfcc_mlp`.)
"""

from typing import Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline

from soundstage.models._pipeline import scaled

AXES = ("column",)  # of its input


def mlp(
    *,
    seed: int,
    hidden: tuple[PositiveInt, ...] = (100,),
    l2: NonNegativeFloat = 1e-4,
    learning_rate: PositiveFloat = 1e-3,
    max_iter: PositiveInt = 500,
    scaler: Literal["standard", "minmax", "none"] = "standard",
    scaler_fit: Literal["train", "all"] = "train",
) -> Pipeline:
    """Scaler -> dense layers with ReLU, then softmax, or a sigmoid a label; Adam, batches of 200.

    Shape: `fit` takes X (N, statistics) and labels (N,), or (N, n_outputs) zeros and ones.
    `predict_proba` returns (N, n_outputs) float64; columns follow the sorted labels.

    seed : of the weights and of the batches' order; given by the training code
    hidden : units of each hidden layer
    l2 : penalty on the squared weights
    learning_rate : Adam's
    max_iter : epochs at most; training ends when the loss falls by less than 1e-4 for ten of them,
        and scikit-learn warns where it does not
    scaler, scaler_fit : see `scaled`
    """
    classifier = MLPClassifier(
        hidden, alpha=l2, learning_rate_init=learning_rate, max_iter=max_iter, random_state=seed
    )
    return scaled(scaler, classifier, scaler_fit)
