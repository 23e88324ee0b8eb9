import pytest
import torch

from soundstage.nn.full_scale import FullScale, full_scale


@pytest.mark.parametrize(
    ("stored", "dtype"),
    [
        ([-128, 0, 64, 127], torch.int8),
        ([-32768, 0, 16384, 32512], torch.int16),
        ([-1, 0, 0.5, 127 / 128], torch.float16),
        ([-1, 0, 0.5, 127 / 128], torch.float32),
    ],
)
def test_every_dtype_of_the_store_has_the_same_full_scale(stored, dtype):
    y = FullScale()(torch.tensor([stored], dtype=dtype))
    assert y.shape == (1, 1, 4)
    assert y.dtype == torch.float32
    assert y.flatten().tolist() == [-1.0, 0.0, 0.5, 127 / 128]


def test_other_integers_are_no_samples():
    with pytest.raises(KeyError, match="uint8"):
        full_scale(torch.zeros(1, 3, dtype=torch.uint8))


def test_leaves_its_input_alone():
    x = torch.full((1, 3), 64, dtype=torch.int8)
    FullScale()(x)
    assert x.tolist() == [[64] * 3]
