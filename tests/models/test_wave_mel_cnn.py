"""The three networks of paper 001 that read waveforms."""

import pytest
import torch

from soundstage.models.mel_rescnn import mel_rescnn
from soundstage.models.wave_cnn import wave_cnn
from soundstage.models.wave_mel_cnn import wave_mel_cnn
from soundstage.nn.standardize import fit_scalers

SHAPE = (4096,)
SMALL = {
    wave_cnn: {"pools": (8, 8, 8, 8)},
    mel_rescnn: {"sr": 22_050, "channels": 8},
    wave_mel_cnn: {"pools": (8, 8, 8, 8), "sr": 22_050, "channels": 8},
}
OFF = {"noise_p": 0.0, "stretch_p": 0.0}


@pytest.fixture
def y():
    return 0.1 * torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def build(y):
    def build(function, **parameters):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = function(SHAPE, 3, **SMALL[function] | {"dropout": 0.0} | parameters)
        fit_scalers(network, [(y, None)])
        return network

    return build


def differ(network, y):
    """Whether two passes give different logits."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        return not torch.equal(network(y), network(y))


@pytest.mark.parametrize("function", SMALL)
def test_clips_are_changed_in_training_only(build, y, function):
    assert differ(build(function).train(), y)
    assert not differ(build(function).eval(), y)
    assert not differ(build(function, **OFF).train(), y)
    for one in OFF:
        assert differ(build(function, **OFF | {one: 1.0}).train(), y)


@pytest.mark.parametrize("function", SMALL)
def test_scalers_see_clips_as_they_are(build, function):
    states = [build(function, **given).train().state_dict() for given in (OFF, {})]
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)


@pytest.mark.parametrize("function", SMALL)
def test_float16_is_as_good_as_float32(build, y, function):
    network = build(function).eval()
    with torch.no_grad():
        torch.testing.assert_close(network(y.half()), network(y.half().float()), rtol=0, atol=0)


def test_both_halves_hear_the_same_clip(build, y):
    network = build(wave_mel_cnn, noise_p=1.0).train()
    heard = []
    for half in (network[1].wave, network[1].mel):
        half.register_forward_pre_hook(lambda _, args: heard.append(args[0]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network(y)
    assert torch.equal(heard[0], heard[1])
    assert not torch.equal(heard[0], y)


@pytest.mark.parametrize("function", [mel_rescnn, wave_mel_cnn])
def test_the_sample_rate_must_be_given(function):
    with pytest.raises(TypeError, match="sr"):
        function((20_000,), 3)


def test_a_rate_without_enough_bins_is_refused(build):
    with pytest.raises(ValueError, match="mel bands hold no frequency bin"):
        build(mel_rescnn, sr=192_000)


@pytest.mark.parametrize("function", [mel_rescnn, wave_mel_cnn])
def test_the_clips_own_statistics_need_no_fitting(build, y, function):
    network = build(function, norm="clip").eval()
    assert not [key for key in network.state_dict() if "scale" in key]
    assert network(y).isfinite().all()
