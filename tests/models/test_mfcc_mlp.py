import pytest
import torch
from torch import nn

from soundstage.models.mfcc_mlp import mfcc_mlp
from soundstage.models.mfcc_mlp_reg import mfcc_mlp_reg


@pytest.mark.parametrize("build", [mfcc_mlp, mfcc_mlp_reg])
def test_table_2(build):
    network = build((130, 13), 10, hidden=[256, 128, 64])
    assert sum(p.numel() for p in network.parameters()) == 474_698


def kernels(network):
    return [layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)]


def test_penalty_is_of_the_three_hidden_kernels():
    network = mfcc_mlp_reg((6, 2), 3, hidden=(5, 4, 3), l2=0.01)
    hidden = kernels(network)[:-1]
    assert len(hidden) == 3
    expected = 0.01 * sum((kernel**2).sum() for kernel in hidden)
    torch.testing.assert_close(network.penalty(), expected)
    network.penalty().backward()
    moved = [p for p in network.parameters() if p.grad is not None]
    assert {id(p) for p in moved} == {id(kernel) for kernel in hidden}


def test_defaults_are_the_papers():
    network = mfcc_mlp_reg((130, 13), 10)
    assert {layer.l2 for layer in network.modules() if hasattr(layer, "l2")} == {0.001}
    assert mfcc_mlp_reg((6, 2), 3, hidden=(5,), l2=0.0).penalty() == 0


def test_without_dropout_and_penalty_both_are_one_network():
    networks = []
    for build in (mfcc_mlp, mfcc_mlp_reg):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            networks.append(build((6, 2), 3, hidden=(5, 4)).eval())
    x = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(networks[0](x), networks[1](x))
