import math

import pytest
import torch
from torch import nn

from soundstage.nn.keras_init import keras_init


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        (nn.Conv1d(8, 16, 3), 8 * 3, 16 * 3),
        (nn.Conv2d(8, 16, 3), 8 * 9, 16 * 9),
        (nn.Linear(80, 40), 80, 40),
    ],
)
def test_kernels_are_glorot_uniform_and_biases_zero(layer, fan_in, fan_out):
    keras_init(layer)
    limit = math.sqrt(6 / (fan_in + fan_out))
    assert 0.95 * limit < layer.weight.abs().max().item() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.1)
    assert not layer.bias.any()


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.LSTM, 4), (nn.GRU, 3)])
def test_recurrent_kernels_are_orthogonal(kind, gates):
    rnn = keras_init(kind(20, 16, num_layers=2))
    # Keras' kernel is (in, gates * H), so its fan_out counts all gates
    limit = math.sqrt(6 / (20 + gates * 16))
    assert 0.95 * limit < rnn.weight_ih_l0.abs().max().item() <= limit
    for kernel in (rnn.weight_hh_l0, rnn.weight_hh_l1):
        torch.testing.assert_close(kernel.T @ kernel, torch.eye(16), atol=1e-5, rtol=0)


def test_lstm_forgets_by_sigmoid_of_one():
    # With all kernels zero, candidate = tanh(0) = 0, so the cell only decays by its forget gate.
    lstm = keras_init(nn.LSTM(3, 5))
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            if name.startswith("weight"):
                parameter.zero_()
        _, (_, cell) = lstm(torch.randn(1, 2, 3), (torch.zeros(1, 2, 5), torch.ones(1, 2, 5)))
    torch.testing.assert_close(cell, torch.full((1, 2, 5), 1 / (1 + math.exp(-1))))
    assert not lstm.bias_hh_l0.any()


@pytest.mark.parametrize(("kind", "vectors"), [(nn.RNN, 1), (nn.LSTM, 1), (nn.GRU, 2)])
def test_as_many_bias_vectors_are_trained_as_keras_has(kind, vectors):
    rnn = keras_init(kind(3, 5, num_layers=2))
    trained = [name for name, p in rnn.named_parameters() if "bias" in name and p.requires_grad]
    assert trained == [f"bias_{name}_l{i}" for i in (0, 1) for name in ("ih", "hh")[:vectors]]


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU])
def test_other_recurrent_biases_are_zero(kind):
    rnn = keras_init(kind(3, 5))
    assert not rnn.bias_ih_l0.any()
    assert not rnn.bias_hh_l0.any()
