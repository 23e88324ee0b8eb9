"""What every file in models/ keeps: names, annotations, printed sizes, and that it learns."""

import inspect
import math
import re
from importlib import import_module
from pkgutil import iter_modules
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import safetensors.torch
import torch
from printed import PRINTED
from pydantic import TypeAdapter
from torch import Tensor, nn

from soundstage import models
from soundstage.nn.standardize import fit_scalers

NAMES = sorted(m.name for m in iter_modules(models.__path__) if not m.name.startswith("_"))
FUNCTIONS = {name: getattr(import_module(f"soundstage.models.{name}"), name) for name in NAMES}
SIGNATURES = {name: inspect.signature(function) for name, function in FUNCTIONS.items()}
NETWORKS = [name for name in NAMES if "input_shape" in SIGNATURES[name].parameters]
GIVEN_BY_TRAINING = {"input_shape", "n_outputs", "multilabel", "seed"}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """On inputs this small a second thread costs more than it brings."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def build(name: str, shape: tuple[int, ...], n_outputs: int = 4, seed: int = 0, **parameters: Any):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return FUNCTIONS[name](shape, n_outputs, **PRINTED[name].arguments | parameters)


def outline(name: str, **parameters: Any) -> nn.Module:
    """The network as printed, without numbers in it."""
    printed = PRINTED[name]
    with torch.device("meta"):
        return FUNCTIONS[name](
            printed.input_shape, printed.n_outputs, **printed.arguments | parameters
        )


def clips(name: str, shape: tuple[int, ...], n: int = 16) -> tuple[Tensor, Tensor]:
    """`n` clips of four classes: a tone, a band of the spectrum or a column that stands out."""
    generator = torch.Generator().manual_seed(0)
    printed = PRINTED[name]
    y = torch.arange(n) % 4
    noise = torch.randn(n, *shape, generator=generator)
    if printed.signal == "wave":
        phase = torch.rand(n, 1, generator=generator)
        cycles = 200 * 2 ** y[:, None] * torch.arange(shape[0]) / 16_000
        x = 60 * torch.sin(2 * math.pi * (cycles + phase)) + 10 * noise
        return (x.round() if printed.dtype == torch.int8 else x / 128).to(printed.dtype), y
    bins = printed.signal == "bins"
    peaks = torch.zeros(4, shape[0] if bins else shape[-1])
    peaks[range(4), range(0, 8, 2)] = 400.0
    if bins:
        return 20 * noise.square() + peaks[y][:, :, None], y
    return 20 * noise + peaks[y].view(n, *[1] * (len(shape) - 1), -1), y


def fitted(name: str, shape: tuple[int, ...], x: Tensor, **parameters: Any) -> nn.Module:
    """The network, its Standardize layers fitted on what reaches them of `x`."""
    network = build(name, shape, **parameters)
    fit_scalers(network, [(x, torch.zeros(len(x)))])
    return network


def small(name: str, x: Tensor | None = None, **parameters: Any) -> nn.Module:
    """The network for inputs of `overfit_shape`, fitted on `x` if given."""
    shape, arguments = PRINTED[name].overfit_shape, PRINTED[name].overfit_arguments | parameters
    return build(name, shape, **arguments) if x is None else fitted(name, shape, x, **arguments)


def output_shapes(network: nn.Module, x: Tensor, names: list[str]) -> dict[str, tuple[int, ...]]:
    """Shapes, without the batch, of what submodules and "", the whole, put out for `x`."""
    shapes = {}

    def remember(name):
        def hook(module, inputs, output):  # noqa: ARG001
            shapes[name] = tuple(output.shape[1:])

        return hook

    for name in names:
        network.get_submodule(name).register_forward_hook(remember(name))
    with torch.no_grad():
        shapes[""] = tuple(network.eval()(x).shape[1:])
    return shapes


def test_every_network_has_its_printed_numbers_here():
    returned = {name: signature.return_annotation for name, signature in SIGNATURES.items()}
    assert PRINTED.keys() == set(NETWORKS) == {n for n in NAMES if returned[n] is nn.Module}


@pytest.mark.parametrize("name", NAMES)
def test_function_is_named_as_its_file_and_cites_its_source(name):
    module = import_module(f"soundstage.models.{name}")
    assert FUNCTIONS[name].__module__ == module.__name__
    assert re.search(r"papers? 00\d|no paper", module.__doc__)
    assert "Printed on" in module.__doc__ or "no paper" in module.__doc__
    assert "Shape:" in FUNCTIONS[name].__doc__


def leaves(annotation: Any) -> list[Any]:
    """The plain types that a parameter's annotation is built from."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return leaves(get_args(annotation)[0])
    if origin is Literal:
        return [type(value) for value in get_args(annotation)]
    if origin in (Union, UnionType, tuple):
        return [t for a in get_args(annotation) if a is not Ellipsis for t in leaves(a)]
    return [annotation]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_can_be_written_in_yaml(name):
    for parameter in SIGNATURES[name].parameters.values():
        if parameter.name in GIVEN_BY_TRAINING:
            assert parameter.default is parameter.empty
            continue
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert set(leaves(parameter.annotation)) <= {int, float, bool, str, NoneType}
        if parameter.name == "sr":  # that of the input: no guess would be right
            assert parameter.default is parameter.empty
            continue
        TypeAdapter(parameter.annotation).validate_python(parameter.default, strict=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_printed_parameter_count(name):
    printed = PRINTED[name]
    parameters = list(outline(name).parameters())
    assert sum(p.numel() for p in parameters) == printed.parameters
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    assert trained == (printed.keras_parameters or printed.parameters)


@pytest.mark.parametrize("name", NETWORKS)
def test_printed_shapes(name):
    printed = PRINTED[name]
    x, _ = clips(name, printed.input_shape, n=1)
    network = fitted(name, printed.input_shape, x, n_outputs=printed.n_outputs)
    shapes = output_shapes(network, x, list(printed.outputs))
    assert shapes == printed.outputs | {"": (printed.n_outputs,)}


@pytest.mark.parametrize("name", NETWORKS)
def test_printed_dropouts(name):
    rates = [layer.p for layer in outline(name).modules() if isinstance(layer, nn.Dropout)]
    assert rates == PRINTED[name].dropouts


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_of_the_demo(name):
    shape = PRINTED[name].demo_shape
    x, _ = clips(name, shape, n=2)
    with torch.no_grad():
        logits = fitted(name, shape, x, n_outputs=7).eval()(x)
    assert logits.shape == (2, 7)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_least_input_works_and_less_is_refused(name):
    least = PRINTED[name].least_shape
    x, _ = clips(name, least, n=2) if min(least) > 1 else (torch.randn(2, *least), None)
    assert fitted(name, least, x).eval()(x).isfinite().all()
    for axis in range(len(least)):
        short = tuple(n - (i == axis) for i, n in enumerate(least))
        with pytest.raises(ValueError, match=str(least[axis])):
            build(name, short)
    with pytest.raises(ValueError, match=name):
        build(name, (*least, 3))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("multilabel", [False, True])
def test_one_step_moves_every_parameter(name, multilabel):
    shape = PRINTED[name].overfit_shape
    x, y = clips(name, shape, n=8)
    network = small(name, x).train()
    before = {key: p.detach().clone() for key, p in network.named_parameters()}
    if multilabel:
        loss = nn.functional.binary_cross_entropy_with_logits(
            network(x), nn.functional.one_hot(y, 4).float()
        )
    else:
        loss = nn.functional.cross_entropy(network(x), y)
    loss.backward()
    torch.optim.Adam(network.parameters(), 1e-3, eps=1e-7).step()
    still = [key for key, p in network.named_parameters() if torch.equal(p, before[key])]
    assert still == [key for key, p in network.named_parameters() if not p.requires_grad]


def accuracy(network: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right answers without dropout; batch norm takes the statistics of `x` itself.

    Its running statistics are of no use yet: at Keras' momentum they take hundreds of steps.
    """
    for layer in network.eval().modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.train()
    with torch.no_grad():
        return (network(x).argmax(1) == y).float().mean().item()


@pytest.mark.parametrize("name", NETWORKS)
def test_overfits_sixteen_clips(name):
    shape = PRINTED[name].overfit_shape
    x, y = clips(name, shape)
    network = small(name, x)
    optimizer = torch.optim.Adam(network.parameters(), PRINTED[name].learning_rate, eps=1e-7)
    reached = [accuracy(network, x, y)]
    with torch.random.fork_rng():  # for the dropout
        torch.manual_seed(0)
        while reached[-1] <= 0.95 and len(reached) <= 10:
            network.train()
            for _ in range(5):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(x), y).backward()
                optimizer.step()
            reached.append(accuracy(network, x, y))
    assert reached[0] < 0.8, "the task is no task"
    assert reached[-1] > 0.95


NORMS = {"cnn1d": 3, "cnn1d_chunk": 2, "crnn": 6, "mfcc_cnn": 3}
NORMS |= {name: 2 for name in NETWORKS if name.startswith("crnn2d")}


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize(("given", "momentum"), [({}, 0.01), ({"bn_momentum": 0.1}, 0.1)])
def test_batch_norm_is_as_in_keras_unless_told(name, given, momentum):
    network = outline(name, **given)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert [(m.eps, m.momentum) for m in norms] == [(1e-3, momentum)] * NORMS[name]


@pytest.mark.parametrize("name", [name for name in NETWORKS if PRINTED[name].keras])
def test_biases_start_as_in_keras(name):
    network = small(name)
    biases = {key: p for key, p in network.named_parameters() if "bias" in key}
    ones = {key: int(bias.sum()) for key, bias in biases.items() if bias.any()}
    forget = {
        f"{key}.bias_ih_l{layer}": lstm.hidden_size
        for key, lstm in network.named_modules()
        if isinstance(lstm, nn.LSTM)
        for layer in range(lstm.num_layers)
    }
    assert ones == forget


@pytest.mark.parametrize("name", [n for n in NETWORKS if "leaky_slope" in SIGNATURES[n].parameters])
@pytest.mark.parametrize(("given", "slope"), [({}, 0.3), ({"leaky_slope": 0.01}, 0.01)])
def test_leaky_slope_is_as_in_keras_unless_told(name, given, slope):
    network = outline(name, **given)
    slopes = {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {slope}


@pytest.mark.parametrize("name", NETWORKS)
def test_same_seed_same_weights(name):
    network = small(name)
    first, again, other = (small(name, seed=seed).state_dict() for seed in (0, 0, 1))
    torch.testing.assert_close(again, first, rtol=0, atol=0, equal_nan=True)
    layers = network.named_modules()
    norms = [key for key, m in layers if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    weights = [key for key in first if "weight" in key and key.rpartition(".")[0] not in norms]
    assert weights
    assert not any(torch.equal(first[key], other[key]) for key in weights)


@pytest.mark.parametrize("name", NAMES)
def test_the_axes_of_the_input_are_stated(name):
    axes = import_module(f"soundstage.models.{name}").AXES
    shape = PRINTED[name].input_shape if name in PRINTED else (58,)
    assert len(axes) == len(shape)
    if name in PRINTED:
        assert (axes == ("sample",)) == (PRINTED[name].signal == "wave")


@pytest.mark.parametrize("name", [n for n in NETWORKS if PRINTED[n].signal == "wave"])
@pytest.mark.parametrize("training", [False, True], ids=["prediction", "training"])
@pytest.mark.parametrize(("dtype", "steps"), [(torch.int8, 128), (torch.int16, 32_768)])
def test_a_waveform_is_heard_at_one_level_whatever_its_dtype(name, training, dtype, steps):
    """PCM-8 is not 128 times as loud as the same clip in float32, nor its noise as quiet."""
    shape = PRINTED[name].overfit_shape
    x, _ = clips(name, shape, n=4)
    x = (x * (1 if x.dtype == torch.int8 else 128)).clamp(-128, 127).round() / 128
    found = []
    for stored in ((x * steps).to(dtype), x.float(), x.half()):
        network = small(name, stored).train(training)
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)  # of dropout and augmentation
            found.append(network(stored))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[2], found[1])


@pytest.mark.parametrize("name", NETWORKS)
def test_safetensors_round_trip_gives_identical_logits(name):
    shape = PRINTED[name].overfit_shape
    x, _ = clips(name, shape, n=4)
    network = small(name, x).train()
    network(x)  # moves the running statistics off their start
    stored = safetensors.torch.save(network.state_dict())
    loaded = small(name, seed=1)
    loaded.load_state_dict(safetensors.torch.load(stored))
    with torch.no_grad():
        assert torch.equal(loaded.eval()(x), network.eval()(x))
