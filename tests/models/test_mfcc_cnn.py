import pytest
import torch
from torch import nn

from soundstage.models.mfcc_cnn import mfcc_cnn

TABLE_2 = {"filters": (32, 64, 128), "kernels": (3, 3, 3), "pools": (2, 2, 2)}


def pooled(network, x):
    """Sizes behind each normalisation."""
    sizes = []
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(lambda _, __, y: sizes.append(tuple(y.shape[2:])))
    with torch.no_grad():
        network.eval()(x)
    return sizes


def test_table_2_with_padding():
    network = mfcc_cnn((130, 13), 10, **TABLE_2, padding="same")
    assert sum(p.numel() for p in network.parameters()) == 372_362
    assert pooled(network, torch.zeros(1, 130, 13)) == [(65, 7), (33, 4), (17, 2)]


def test_table_2_as_printed_cannot_be_built():
    with pytest.raises(ValueError, match=r"at least \(15, 15\), got \(130, 13\)"):
        mfcc_cnn((130, 13), 10, **TABLE_2)


def test_the_texts_statistics():
    network = mfcc_cnn((130, 13), 10)
    running = [b.numel() for key, b in network.named_buffers() if "running" in key]
    assert sum(running) == 192
    assert pooled(network, torch.zeros(1, 130, 13)) == [(64, 6), (31, 2), (15, 1)]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_the_least_length_is_the_least(padding, kernel):
    sizes = {"kernels": (kernel,) * 3, "padding": padding}
    for n in range(1, 40):
        try:
            network = mfcc_cnn((n, n), 2, **sizes)
        except ValueError:
            continue
        assert network.eval()(torch.zeros(1, n, n)).shape == (1, 2)
        side = n - 1
        if side:
            with pytest.raises(ValueError, match=rf"at least \({n}, {n}\)"):
                mfcc_cnn((side, side), 2, **sizes)
        return
    pytest.fail("refuses everything")
