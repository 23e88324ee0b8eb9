import torch

from soundstage.nn.steps import Steps


def test_channels_of_a_step_stand_together():
    x = torch.arange(2 * 3 * 5).view(2, 3, 5)
    y = Steps()(x)
    assert y.shape == (2, 5, 3)
    assert torch.equal(y[1, 4], x[1, :, 4])


def test_channels_and_bins_of_a_step_stand_together():
    x = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    y = Steps()(x)
    assert y.shape == (2, 5, 12)
    assert torch.equal(y[1, 2], x[1, :, :, 2].flatten())
