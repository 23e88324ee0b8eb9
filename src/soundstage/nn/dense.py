"""Hidden dense layers and the output."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from soundstage.nn.l2 import L2Linear


def dense(
    width: int,
    hidden: Sequence[int],
    n_outputs: int,
    *,
    dropout: float = 0.0,
    l2: float | None = None,
) -> nn.Sequential:
    """[Linear -> ReLU -> [Dropout]] for each entry of `hidden`, then a plain Linear.

    Shape: (B, width) -> (B, n_outputs)

    With `l2` the hidden layers, but not the output, are `L2Linear`.
    """
    network = nn.Sequential()
    for before, units in pairwise((width, *hidden)):
        if l2 is None:
            network.append(nn.Linear(before, units))
        else:
            network.append(L2Linear(before, units, l2=l2))
        network.append(nn.ReLU(inplace=True))
        if dropout > 0:
            network.append(nn.Dropout(dropout))
    return network.append(nn.Linear((width, *hidden)[-1], n_outputs))
