import pytest
import torch
from torch import nn

from soundstage.nn.crnn1d import crnn1d


@pytest.fixture
def build():
    def build(cell, samples=20 * 3**7):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return crnn1d(
                cell, (samples,), 3, leaky_slope=0.3, dropout=0.2, head_dropout=0.1
            ).eval()

    return build


def test_recurrence_steps_through_time(build):
    network = build(nn.GRU)
    seen = []
    network[9].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(-90, 90, (2, 20 * 3**7), generator=generator, dtype=torch.int8)
    changed = y.clone()
    changed[:, -(3**7) :] = 0
    with torch.no_grad():
        network(y)
        network(changed)
    assert seen[0].shape == (2, 20, 512)
    same = (seen[0] == seen[1]).all(dim=2).all(dim=0)
    assert same[:17].all()  # a step's neighbours are all that the convolutions reach
    assert not same[-1]


@pytest.mark.parametrize("cell", [nn.RNN, nn.LSTM, nn.GRU])
def test_error_names_the_model(build, cell):
    with pytest.raises(ValueError, match=f"crnn1d_{cell.__name__.lower()} needs"):
        build(cell, samples=3**7 - 1)


def test_no_normalisation(build):
    assert not any("Norm" in type(layer).__name__ for layer in build(nn.RNN).modules())
