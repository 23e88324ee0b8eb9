import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

from soundstage.nn.standardize import Standardize, StandardizeClip, fit_scalers


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


def test_batches_one_by_one_are_as_good_as_all_at_once(x):
    whole, streamed = Standardize((6,)), Standardize((6,))
    whole.fit(x)
    streamed.fit(rows for rows in x.split((1, 7, 30, 12)))
    torch.testing.assert_close(streamed.state_dict(), whole.state_dict(), rtol=1e-7, atol=0)
    assert streamed.scale[2] == 1


def test_a_small_deviation_beside_a_large_mean_survives_streaming():
    x = torch.randn(300, 1, generator=torch.Generator().manual_seed(0)).double() + 1e7
    layer = Standardize((1,))
    layer.fit(x.split(11))
    assert layer.scale.item() == pytest.approx(x.std(correction=0).item(), rel=1e-6)


def test_an_axis_of_one_shares_its_statistics():
    x = torch.randn(5, 4, 30, generator=torch.Generator().manual_seed(0))
    layer = Standardize((4, 1))
    layer.fit([x[:2, :, :10], x[2:, :, :10], x[:, :, 10:]])  # batches may even differ in length
    torch.testing.assert_close(layer.mean[:, 0], x.mean((0, 2)))
    torch.testing.assert_close(layer.scale[:, 0], x.std((0, 2), correction=0))
    assert layer(x).shape == x.shape


def test_no_batches_are_refused():
    with pytest.raises(ValueError, match="got none"):
        Standardize((6,)).fit([])


def test_loading_what_was_not_fitted_is_not_fitting(x):
    layer = Standardize((6,))
    layer.fit(x)
    layer.load_state_dict(Standardize((6,)).state_dict())
    with pytest.raises(RuntimeError, match="not fitted"):
        layer(x)


class TestFitScalers:
    @pytest.fixture
    def network(self):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return nn.Sequential(
                Standardize((6,)), nn.Dropout(0.9), nn.Linear(6, 3), Standardize((3,)), nn.ReLU()
            )

    @pytest.fixture
    def batches(self, x):
        return [(rows, torch.zeros(len(rows))) for rows in x.split(20)]

    def test_each_layer_sees_what_reaches_it(self, network, x, batches):
        fit_scalers(network, batches)
        first = (x.double() - x.double().mean(0)) / network[0].scale.double()
        torch.testing.assert_close(network[0](x).double(), first, rtol=1e-3, atol=1e-3)
        with torch.no_grad():
            reached = network[2](network[0](x))
            standard = network[3](reached)
        torch.testing.assert_close(network[3].mean, reached.mean(0))
        torch.testing.assert_close(standard.std(0, correction=0), torch.ones(3))

    @pytest.mark.parametrize("training", [False, True])
    def test_the_mode_comes_back_and_no_gradient_is_kept(self, network, batches, training):
        fit_scalers(network.train(training), batches)
        assert network.training is network[1].training is training
        assert not network[3].mean.requires_grad

    def test_nothing_behind_the_layer_is_computed(self, x):
        class Never(nn.Module):
            def forward(self, _x):
                raise AssertionError("computed")

        network = nn.Sequential(Standardize((6,)), Never())
        fit_scalers(network, [(x, None)])
        with pytest.raises(AssertionError, match="computed"):  # the hook is gone
            network(x)

    def test_a_model_without_one_does_not_touch_the_batches(self):
        def batches():
            raise AssertionError("touched")
            yield

        fit_scalers(nn.Linear(2, 2), batches())


class TestStandardizeClip:
    def test_each_line_gets_mean_zero_and_deviation_one(self):
        x = 5 + 3 * torch.randn(2, 4, 500, generator=torch.Generator().manual_seed(0))
        x[0, 1] *= 100
        y = StandardizeClip()(x)
        torch.testing.assert_close(y.mean(-1), torch.zeros(2, 4), atol=1e-5, rtol=0)
        torch.testing.assert_close(y.std(-1, correction=0), torch.ones(2, 4))

    def test_the_wave_is_kept_but_for_size_and_offset(self):
        x = torch.sin(torch.arange(1000) / 7)[None].half()
        y = StandardizeClip()(x)
        assert y.dtype == torch.float32
        torch.testing.assert_close(y, StandardizeClip()(0.5 * x.float() + 0.1))

    def test_silence_stays_silence(self):
        x = torch.full((1, 100), 0.1)
        assert torch.equal(StandardizeClip()(x), torch.zeros(1, 100))
