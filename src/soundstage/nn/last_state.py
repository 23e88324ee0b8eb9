"""A recurrent layer that returns its last output only."""

from torch import Tensor, nn


class LastState(nn.Module):
    """Run `rnn` (an RNN, LSTM or GRU with `batch_first`) and keep the top layer's last output.

    Shape: (B, steps, C) -> (B, H)

    Keras' `return_sequences=False`.
    """

    def __init__(self, rnn: nn.RNNBase) -> None:
        super().__init__()
        self.rnn = rnn

    def forward(self, x: Tensor) -> Tensor:
        """Return the output at the last step."""
        outputs, _ = self.rnn(x)
        return outputs[:, -1]
