import pytest
import torch
from torch import nn

from soundstage.nn.crnn2d import crnn2d


@pytest.fixture
def density():
    return 2000 * torch.rand(2, 129, 320, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def build():
    def build(psd_ceiling=512.0):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return crnn2d(
                nn.GRU,
                (129, 320),
                3,
                psd_ceiling=psd_ceiling,
                leaky_slope=0.3,
                bn_momentum=0.01,
                dropout=0.2,
            ).eval()

    return build


def inputs_of(layer):
    """A list that fills with what enters the layer."""
    seen = []
    layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    return seen


def test_density_is_cut_at_512_and_scaled_to_one(density, build):
    network = build()
    seen = inputs_of(network[1])
    network(density)
    torch.testing.assert_close(seen[0], (density.clamp(max=512) / 512)[:, None])
    assert seen[0].max() == 1


def test_ceiling_is_a_parameter(density, build):
    torch.testing.assert_close(build(psd_ceiling=1024)(2 * density), build()(density))


def test_recurrence_steps_through_time(density, build):
    network = build()
    seen = inputs_of(network[9])
    changed = density.clone()
    changed[:, :, -16:] = 0
    with torch.no_grad():
        network(density)
        network(changed)
    assert seen[0].shape == (2, 20, 128)
    same = (seen[0] == seen[1]).all(dim=2).all(dim=0)
    assert same[:10].all()  # far before the change, further than the convolutions reach
    assert not same[-1]


@pytest.mark.parametrize("cell", [nn.RNN, nn.LSTM, nn.GRU])
def test_error_names_the_model(cell):
    with pytest.raises(ValueError, match=f"crnn2d_{cell.__name__.lower()} needs"):
        crnn2d(cell, (64, 64), 3, psd_ceiling=1.0, leaky_slope=0.3, bn_momentum=0.01, dropout=0.0)
