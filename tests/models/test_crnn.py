import pytest
import torch
from torch import nn

from soundstage.models.crnn import crnn


def build(shape, **parameters):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return crnn(shape, 10, **parameters).eval()


def shapes(network, frames):
    """Sizes along time, first in the input, then behind each block."""
    found = [frames]
    for block in network:
        if isinstance(block, nn.Sequential):
            block.register_forward_hook(lambda _, __, y: found.append(y.shape[3]))
    with torch.no_grad():
        network(torch.zeros(1, 128, frames))
    return found


@pytest.mark.parametrize(
    "sizes",
    [
        [911, 455, 227, 113, 56, 28],  # 30 s
        [465, 232, 116, 58, 29, 14],
        [312, 156, 78, 39, 19, 9],
        [156, 78, 39, 19, 9, 4],  # 5 s; the paper prints 157 frames
        [94, 47, 23, 11, 5, 2],
        [32, 16, 8, 4, 2, 1],  # 1 s
    ],
)
def test_time_of_each_slice_length(sizes):
    network = build((128, sizes[0]))
    assert shapes(network, sizes[0]) == sizes
    assert sum(p.numel() for p in network.parameters()) == 540_874


def test_bands_are_normalised_first():
    bands = build((128, 32))[0]
    assert isinstance(bands, nn.BatchNorm1d)
    assert bands.num_features == 128
    plain = build((128, 32), input_norm=False)
    assert isinstance(plain[0], nn.Unflatten)
    assert sum(p.numel() for p in plain.parameters()) == 540_874 - 2 * 128


def test_less_pooling_leaves_more_steps():
    network = build((128, 32), time_pools=[2, 2, 1, 1, 1])
    assert shapes(network, 32) == [32, 16, 8, 8, 8, 8]
    with pytest.raises(ValueError, match=r"\(128, 4\)"):
        build((128, 3), time_pools=(2, 2, 1, 1, 1))


def test_five_blocks_need_five_pools():
    with pytest.raises(ValueError, match="shorter"):
        build((128, 32), time_pools=(2, 2))


def test_without_recurrence_the_order_of_steps_does_not_matter():
    x = torch.randn(2, 5, 128, generator=torch.Generator().manual_seed(0))
    for recurrent, matters in {"gru": True, "mean": False}.items():
        network = build((128, 160), recurrent=recurrent)
        assert any(isinstance(m, nn.GRU) for m in network.modules()) is matters
        head = network[8:]  # behind the convolutions
        with torch.no_grad():
            same = torch.allclose(head(x), head(x.flip(1)), atol=1e-6)
        assert same is not matters
    assert build((128, 160), recurrent="mean")[-1].in_features == 128


def test_units_of_both_grus():
    gru = next(m for m in build((128, 32), units=7).modules() if isinstance(m, nn.GRU))
    assert (gru.num_layers, gru.hidden_size) == (2, 7)


def test_more_bands_widen_the_steps():
    assert build((256, 32))(torch.zeros(1, 256, 32)).shape == (1, 10)
