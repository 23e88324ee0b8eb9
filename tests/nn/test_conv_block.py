import pytest
import torch

from soundstage.nn.conv_block import conv_block


def pass_through(block):
    """Make the convolution of a one-channel block hand on its input."""
    with torch.no_grad():
        conv = block.get_submodule("conv")
        conv.weight.zero_()
        conv.weight[(0, 0, *(1 for _ in conv.kernel_size))] = 1
        conv.bias.zero_()
    return block


def test_leaky_relu_then_pool_with_the_rest_dropped():
    block = pass_through(conv_block(1, 1, pool=(3,), leaky_slope=0.3))
    y = block(torch.tensor([[[-3.0, -1.0, -2.0, 5.0, 4.0, 6.0, 9.0]]]))
    torch.testing.assert_close(y, torch.tensor([[[-0.3, 6.0]]]))


def test_pool_of_one_axis_of_two():
    block = pass_through(conv_block(1, 1, pool=(2, 1), leaky_slope=0.3))
    x = torch.arange(12.0).view(1, 1, 4, 3)
    torch.testing.assert_close(block(x), x[:, :, 1::2])


def test_batch_norm_sees_the_activation():
    block = pass_through(conv_block(1, 1, pool=(1,), leaky_slope=0.5, batch_norm=True)).train()
    x = torch.tensor([[[-2.0, 4.0]]])
    activated = torch.tensor([-1.0, 4.0])  # mean 1.5, variance 6.25
    expected = (activated - 1.5) / (6.25 + 1e-3) ** 0.5
    torch.testing.assert_close(block(x).flatten(), expected)
    assert block.get_submodule("batch_norm").running_mean.item() == pytest.approx(0.01 * 1.5)


def test_dropout_drops_single_values():
    block = pass_through(conv_block(1, 1, pool=(1,), leaky_slope=0.3, dropout=0.5)).train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kept = block(torch.ones(1, 1, 1000)) > 0
    assert 0.4 < kept.float().mean() < 0.6


def test_three_axes_are_refused():
    with pytest.raises(ValueError, match="one or two entries"):
        conv_block(1, 1, pool=(2, 2, 2), leaky_slope=0.3)
