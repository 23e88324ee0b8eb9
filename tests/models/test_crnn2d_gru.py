import pytest
import torch

from soundstage.models.crnn2d_gru import crnn2d_gru


@pytest.fixture
def density():
    return 2000 * torch.rand(2, 129, 320, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def build():
    def build(**parameters):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return crnn2d_gru((129, 320), 3, **parameters).eval()

    return build


def test_density_is_cut_at_512_and_scaled_to_one(density, build):
    network = build()
    seen = []
    network.blocks.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    given = density.clone()
    network(given)
    assert torch.equal(given, density)
    torch.testing.assert_close(seen[0], (density.clamp(max=512) / 512)[:, None])
    assert seen[0].max() == 1


def test_ceiling_is_a_parameter(density, build):
    torch.testing.assert_close(build(psd_ceiling=1024)(2 * density), build()(density))


def test_gru_steps_through_time(density, build):
    network = build()
    seen = []
    network.gru.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    changed = density.clone()
    changed[:, :, -16:] = 0
    with torch.no_grad():
        network(density)
        network(changed)
    assert seen[0].shape == (2, 20, 128)
    same = (seen[0] == seen[1]).all(dim=2).all(dim=0)
    assert same[:10].all()  # far before the change, further than the convolutions reach
    assert not same[-1]
