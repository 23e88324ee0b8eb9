import printed
import pytest
import torch
from torch import nn

from soundstage import registry
from soundstage.nn import pieces
from soundstage.nn.pieces import InPieces

KINDS = {
    "cnn1d": (3**9,),
    "cnn1d_chunk": (3**7 + 5,),
    "crnn1d_gru": (2 * 3**7 + 1,),
    "crnn1d_lstm": (2 * 3**7,),
    "crnn1d_rnn": (2 * 3**7,),
    "crnn2d_gru": (129, 40),
    "crnn2d_lstm": (129, 40),
    "crnn2d_rnn": (129, 40),
    "wave_cnn": (3 * 16_384 + 7,),
    "wave_mel_cnn": (16_384,),
}


@pytest.fixture(autouse=True)
def a_clip_at_a_time(monkeypatch):
    monkeypatch.setattr(pieces, "_NUMBERS", 1)


def network(kind):
    torch.manual_seed(0)
    model = registry.component("models", kind)(KINDS[kind], 3, **printed.PRINTED[kind].arguments)
    for layer in model.modules():
        if hasattr(layer, "fitted"):
            layer.fit([torch.randn(8, *layer.mean.shape)])
    return model


def batch(kind, n=5):
    x = torch.randn(n, *KINDS[kind], generator=torch.Generator().manual_seed(1))
    return (40 * x).clamp(-127, 127).to(torch.int8) if x.ndim == 2 else x.square()


def passed(model, x):
    """Logits, gradients and the draw after a pass through a network in training."""
    torch.manual_seed(2)
    model.zero_grad()
    logits = model(x)
    nn.functional.cross_entropy(logits, torch.arange(len(x)) % 3).backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    return logits.detach(), gradients, torch.rand(1)


def assert_near(found, expected, share):
    """A convolution may sum in another order where the batch is another; that is all."""
    torch.testing.assert_close(found, expected, rtol=0, atol=share * expected.abs().max().item())


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_that_of_the_whole_batch(kind, monkeypatch):
    model, x = network(kind).train(), batch(kind)
    logits, gradients, draw = passed(model, x)
    model = network(kind).train()  # whose running statistics no batch has moved
    monkeypatch.setattr(InPieces, "forward", nn.Sequential.forward)
    expected, expected_gradients, expected_draw = passed(model, x)
    assert_near(logits, expected, 1e-4)  # batch statistics of few steps amplify the last bits
    assert torch.equal(draw, expected_draw)
    flat = [torch.cat([g.flatten() for g in gs]) for gs in (gradients, expected_gradients)]
    assert_near(*flat, 1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_prediction_is_that_of_the_whole_batch(kind, monkeypatch):
    model, x = network(kind).eval(), batch(kind)
    with torch.no_grad():
        found = model(x)
        monkeypatch.setattr(InPieces, "forward", nn.Sequential.forward)
        assert_near(found, model(x), 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_no_clip_sees_another_before_the_pieces_are_joined(kind):
    found = [layer for layer in network(kind).modules() if isinstance(layer, InPieces)]
    assert found
    for layer in found:
        front = nn.Sequential(*list(layer)[: layer.n_front])
        assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in front.modules())


def test_names_are_those_of_layers_in_a_row():
    layers = [nn.Conv1d(1, 2, 3), nn.ReLU(), nn.BatchNorm1d(2)]
    names = list(InPieces(layers[:2], layers[2:]).state_dict())
    assert names == list(nn.Sequential(*layers).state_dict())


class Seen(nn.Module):
    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, x):
        self.sizes.append(len(x))
        return x


@pytest.mark.parametrize(
    ("numbers", "device", "sizes"),
    [(1, "cpu", [1] * 5), (20, "cpu", [2, 2, 1]), (100, "cpu", [5]), (1, "meta", [5])],
)
def test_pieces_are_as_large_as_the_caches_bear_and_for_a_cpu(monkeypatch, numbers, device, sizes):
    monkeypatch.setattr(pieces, "_NUMBERS", numbers)
    front, rest = Seen(), Seen()
    x = torch.arange(50.0, device=device).reshape(5, 10)
    assert InPieces([front], [rest])(x).shape == x.shape
    assert (front.sizes, rest.sizes) == (sizes, [5])


@pytest.mark.parametrize("size", [2, 3, 4, 5])
@pytest.mark.parametrize("n", [24, 29])
def test_max_pooling_is_torchs_also_among_equals(size, n):
    x = torch.randint(0, 3, (4, 6, n), generator=torch.Generator().manual_seed(0)).float()
    gradients = []
    for layer in (InPieces([nn.MaxPool1d(size)], []), nn.MaxPool1d(size)):
        leaf = x.clone().requires_grad_()
        out = layer(leaf)
        (out * torch.arange(out.numel()).reshape(out.shape)).sum().backward()
        gradients.append((out.detach(), leaf.grad))
    assert torch.equal(gradients[0][0], gradients[1][0])
    assert torch.equal(gradients[0][1], gradients[1][1])


@pytest.mark.parametrize("how", [{"stride": 2}, {"padding": 1}, {"ceil_mode": True}])
def test_other_max_pooling_is_torchs(how):
    x = torch.randn(3, 2, 20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(InPieces([nn.MaxPool1d(3, **how)], [])(x), nn.MaxPool1d(3, **how)(x))
