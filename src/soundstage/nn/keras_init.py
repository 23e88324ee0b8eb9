"""Keras' default initialisation, for networks that were published in Keras."""

from torch import nn


def keras_init(module: nn.Module) -> nn.Module:
    """Re-initialise every convolution, linear and recurrent layer as Keras does; return `module`.

    Kernels are Glorot-uniform, recurrent kernels orthogonal, biases zero. An LSTM's forget bias
    is one (Jozefowicz et al. 2015). Torch has two bias vectors where Keras' RNN and LSTM have one:
    their second, `bias_hh`, stays zero and is not trained, so that Adam moves each gate as often
    as there. A GRU has two in Keras as well.

    Draws from torch's current random state; seed that, or fork it, outside.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.RNNBase):
            for name, parameter in layer.named_parameters():
                if name.startswith("weight_ih"):
                    # (gates * H, in): Keras' fans span all gates at once, and so do torch's here
                    nn.init.xavier_uniform_(parameter)
                elif name.startswith("weight_hh"):
                    nn.init.orthogonal_(parameter)
                else:
                    nn.init.zeros_(parameter)
                    if name.startswith("bias_hh") and not isinstance(layer, nn.GRU):
                        parameter.requires_grad_(False)
                    if isinstance(layer, nn.LSTM) and name.startswith("bias_ih"):
                        # gates stand in the order input, forget, cell, output
                        parameter.data[layer.hidden_size : 2 * layer.hidden_size] = 1.0
    return module
