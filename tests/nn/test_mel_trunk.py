import pytest
import torch

from soundstage.nn.mel_trunk import mel_trunk
from soundstage.nn.standardize import fit_scalers

SR = 22_050


@pytest.fixture
def build():
    def build(norm="train", decibels=True, width=4):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return mel_trunk(
                SR,
                n_fft=1024,
                hop_length=256,
                n_mels=40,
                decibels=decibels,
                top_db=80.0,
                norm=norm,
                channels=6,
                width=width,
            ).eval()

    return build


@pytest.fixture
def y():
    return 0.1 * torch.randn(3, 8000, generator=torch.Generator().manual_seed(0))


def test_bands_are_standardised_by_the_training_part(build, y):
    trunk = build()
    with pytest.raises(RuntimeError, match="not fitted"):
        trunk(y)
    fit_scalers(trunk, [(y[:2], None), (y[2:], None)])
    bands = trunk[:2](y)
    torch.testing.assert_close(bands.mean((0, 2)), torch.zeros(40), atol=1e-5, rtol=0)
    torch.testing.assert_close(bands.std((0, 2), correction=0), torch.ones(40))


def test_bands_can_be_standardised_by_the_clip(build, y):
    bands = build(norm="clip")[:2](y)
    torch.testing.assert_close(bands.mean(2), torch.zeros(3, 40), atol=1e-5, rtol=0)


def test_power_in_place_of_decibels(build, y):
    power, level = build(norm="clip", decibels=False)[0](y), build(norm="clip")[0](y)
    assert power.min() >= 0
    torch.testing.assert_close(10 * (power / power.amax((1, 2), keepdim=True)).log10(), level)


def test_the_skip_goes_around_two_convolutions(build, y):
    trunk = build(norm="clip")
    with torch.no_grad():
        for parameter in trunk[5].parameters():
            parameter.zero_()
        behind_first = trunk[:5](y)
        features = trunk(y)
    torch.testing.assert_close(features[:, :6], behind_first.amax(2))
    torch.testing.assert_close(features[:, 6:], behind_first.mean(2))


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_any_width_fits_its_skip(build, y, width):
    assert build(norm="clip", width=width)(y).shape == (3, 12)
