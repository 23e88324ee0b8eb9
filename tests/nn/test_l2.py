import pytest
import torch
from torch import nn

from soundstage.nn.l2 import L2Linear, Penalized


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inner = nn.Sequential(L2Linear(4, 2, l2=0.5), nn.ReLU())
        return Penalized(L2Linear(3, 4, l2=0.1), inner, nn.Linear(2, 1))


def test_kernels_of_the_chosen_layers_count_at_any_depth(network):
    expected = 0.1 * (network[0].weight ** 2).sum() + 0.5 * (network[1][0].weight ** 2).sum()
    torch.testing.assert_close(network.penalty(), expected)
    assert network.penalty().shape == ()


def test_its_gradient_is_twice_the_kernel(network):
    network.penalty().backward()
    torch.testing.assert_close(network[0].weight.grad, 0.2 * network[0].weight)
    torch.testing.assert_close(network[1][0].weight.grad, network[1][0].weight)
    assert network[0].bias.grad is None
    assert network[2].weight.grad is None


def test_computes_what_a_linear_layer_does(network):
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network[0](x), x @ network[0].weight.T + network[0].bias)
