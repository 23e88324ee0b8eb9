import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from soundstage.nn.standardize import Standardize


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 6)) * np.logspace(-2, 5, 6) + 7
    X[:, 2] = 0.1  # constant, and not a sum of powers of two
    return torch.from_numpy(X.astype(np.float32))


def test_agrees_with_scikit_learn(x):
    layer = Standardize((6,))
    layer.fit(x)
    expected = StandardScaler().fit(x.double().numpy()).transform(x.double().numpy())
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-3, atol=1e-4)
    assert layer.scale[2] == 1
    assert layer(x).dtype == torch.float32


def test_takes_any_input_shape():
    x = torch.randn(20, 4, 3, generator=torch.Generator().manual_seed(0))
    layer = Standardize((4, 3))
    layer.fit(x)
    torch.testing.assert_close(layer(x).mean(0), torch.zeros(4, 3), atol=1e-6, rtol=0)


def test_statistics_are_buffers_not_parameters():
    layer = Standardize((6,))
    assert list(layer.parameters()) == []
    assert set(layer.state_dict()) == {"mean", "scale"}


def test_unfitted_is_an_error_and_loading_is_fitting(x):
    fitted, layer = Standardize((6,)), Standardize((6,))
    fitted.fit(x)
    with pytest.raises(RuntimeError, match="not fitted"):
        layer(x)
    layer.load_state_dict(fitted.state_dict())
    assert torch.equal(layer(x), fitted(x))


@pytest.mark.parametrize("rows", [torch.zeros(0, 6), torch.zeros(3, 5), torch.zeros(6)])
def test_wrong_shape_is_refused(rows):
    with pytest.raises(ValueError, match=r"need \(N > 0, \(6,\)\)"):
        Standardize((6,)).fit(rows)


def test_not_finite_is_refused(x):
    x[3, 1] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        Standardize((6,)).fit(x)
