import torch

from soundstage.nn.pcm8 import PCM8


def test_full_scale():
    x = torch.tensor([[-128, 0, 64, 127]], dtype=torch.int8)
    y = PCM8()(x)
    assert y.shape == (1, 1, 4)
    assert y.dtype == torch.float32
    assert y.flatten().tolist() == [-1.0, 0.0, 0.5, 127 / 128]


def test_leaves_its_input_alone():
    x = torch.full((1, 3), 64.0)
    PCM8()(x)
    assert x.tolist() == [[64.0] * 3]
