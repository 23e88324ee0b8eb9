import pytest
import torch
from torch import nn

from soundstage.nn.last_state import LastState


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_is_the_top_layers_final_hidden_state(kind):
    rnn = kind(3, 5, num_layers=2, batch_first=True)
    x = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(0))
    _, state = rnn(x)
    hidden = state[0] if kind is nn.LSTM else state
    torch.testing.assert_close(LastState(rnn)(x), hidden[-1])
