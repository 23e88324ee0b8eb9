import pytest
import torch
from torch import nn

from soundstage.nn.wave_trunk import wave_trunk


def test_filters_double_and_kernels_lose_two():
    trunk = wave_trunk(filters=4, kernel=11, pools=(4, 4, 2, 2), middle_relu=False)
    convolutions = [layer for layer in trunk.modules() if isinstance(layer, nn.Conv1d)]
    assert [c.out_channels for c in convolutions] == [4, 4, 8, 8, 16, 16, 32, 32]
    assert [c.kernel_size for c in convolutions] == [(k,) for k in (11, 11, 9, 9, 7, 7, 5, 5)]
    assert trunk(torch.randn(2, 200)).shape == (2, 32 * (200 // 64))


@pytest.mark.parametrize(("middle_relu", "count"), [(False, 4), (True, 8)])
def test_a_relu_between_the_two_convolutions_is_an_option(middle_relu, count):
    trunk = wave_trunk(filters=4, kernel=9, pools=(4, 4, 2, 2), middle_relu=middle_relu)
    assert sum(isinstance(layer, nn.ReLU) for layer in trunk.modules()) == count
    plain = [nn.Conv1d, nn.Conv1d, nn.MaxPool1d, nn.BatchNorm1d, nn.ReLU]
    found = [type(layer) for layer in trunk[2]]
    assert found == (plain if not middle_relu else [nn.Conv1d, nn.ReLU, *plain[1:]])


def test_loudness_and_offset_of_a_clip_do_not_matter():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        trunk = wave_trunk(filters=4, kernel=9, pools=(4, 4, 2, 2), middle_relu=False).eval()
    x = torch.randn(2, 256, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(trunk(0.01 * x + 0.2), trunk(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("kernel", "pools"), [(6, (4, 4, 2, 2)), (9, (4, 4, 2))])
def test_what_makes_no_four_blocks_is_refused(kernel, pools):
    with pytest.raises(ValueError, match=r"at least 7.*four pools"):
        wave_trunk(filters=4, kernel=kernel, pools=pools, middle_relu=False)
