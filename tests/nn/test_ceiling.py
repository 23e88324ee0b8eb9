import torch

from soundstage.nn.ceiling import Ceiling


def test_cut_and_scaled_to_one():
    density = torch.tensor([[[0.0, 256.0], [512.0, 2000.0]]])
    given = density.clone()
    y = Ceiling(512.0)(density)
    assert torch.equal(y, torch.tensor([[[[0.0, 0.5], [1.0, 1.0]]]]))
    assert torch.equal(density, given)
    assert Ceiling(512.0)(density.half()).dtype == torch.float32
