import pytest
from torch import nn

from soundstage.nn.dense import dense
from soundstage.nn.l2 import L2Linear


def kinds(network):
    return [type(layer) for layer in network]


def test_hidden_layers_are_activated_and_the_output_is_not():
    network = dense(7, (5, 3), 2)
    assert kinds(network) == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [tuple(p.shape) for p in network.parameters() if p.ndim == 2] == [(5, 7), (3, 5), (2, 3)]


def test_without_hidden_layers_it_is_one():
    assert kinds(dense(7, (), 2, dropout=0.5)) == [nn.Linear]


@pytest.mark.parametrize("l2", [0.0, 0.001])
def test_dropout_and_penalty_are_for_the_hidden_layers(l2):
    network = dense(7, (5, 3), 2, dropout=0.3, l2=l2)
    assert kinds(network) == [L2Linear, nn.ReLU, nn.Dropout] * 2 + [nn.Linear]
    assert (network[0].l2, network[2].p) == (l2, 0.3)
