"""What every file in models/ keeps: names, annotations, printed sizes, and that it learns."""

import inspect
import math
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import safetensors.torch
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from soundstage import models
from soundstage.nn.standardize import Standardize

NAMES = sorted(m.name for m in iter_modules(models.__path__) if not m.name.startswith("_"))
FUNCTIONS = {name: getattr(import_module(f"soundstage.models.{name}"), name) for name in NAMES}
SIGNATURES = {name: inspect.signature(function) for name, function in FUNCTIONS.items()}
NETWORKS = [name for name in NAMES if "input_shape" in SIGNATURES[name].parameters]
GIVEN_BY_TRAINING = {"input_shape", "n_outputs", "multilabel", "seed"}


@dataclass(frozen=True)
class Printed:
    """What the papers print of a network, and the input lengths that the tests use."""

    input_shape: tuple[int, ...]
    parameters: int
    outputs: dict[str, tuple[int, ...]]  # submodule -> its output's shape, without the batch
    dropouts: list[float]
    demo_shape: tuple[int, ...]  # 10 s at 16 kHz
    least_shape: tuple[int, ...]  # one less along any axis must be refused
    overfit_shape: tuple[int, ...]
    keras_parameters: int | None = None  # where it differs
    learning_rate: float = 3e-3
    dtype: torch.dtype = torch.float32


PRINTED = {
    "cnn1d": Printed(
        input_shape=(465_984,),
        parameters=8_638_486,
        outputs={  # table 3.2.2
            "1": (32, 155_328),
            "2": (64, 51_776),
            "3": (128, 17_258),
            "4": (128, 5_752),
            "5": (256, 1_917),
            "6": (256, 639),
            "7": (512, 213),
            "8": (512, 71),
            "9": (1024, 23),
            "10": (1024, 23),
            "11": (23_552,),
            "12": (100,),
        },
        dropouts=[0.2] * 9 + [0.1],
        demo_shape=(160_000,),
        least_shape=(3**9,),
        overfit_shape=(3**9,),
        learning_rate=1e-3,
        dtype=torch.int8,
    ),
    "cnn1d_chunk": Printed(
        input_shape=(465_984,),
        parameters=133_690,
        outputs={  # table 3.2.4
            "1": (16, 155_328),
            "2": (16, 51_776),
            "3": (32, 17_258),
            "4": (64, 5_752),
            "5": (128, 1_917),
            "6": (128, 639),
            "7": (128, 639),
            "9": (128,),
        },
        dropouts=[0.2] * 6 + [0.1],
        demo_shape=(160_000,),
        least_shape=(3**6,),
        overfit_shape=(3**7,),
        dtype=torch.int8,
    ),
    "crnn2d_gru": Printed(
        input_shape=(129, 2080),
        parameters=694_170,
        outputs={  # table 3.2.5
            "blocks.0": (16, 64, 1040),
            "blocks.1": (16, 32, 520),
            "blocks.2": (32, 16, 260),
            "blocks.3": (64, 8, 130),
            "blocks.4": (128, 4, 130),
            "blocks.5": (128, 2, 130),
            "blocks.6": (128, 1, 130),
            "gru": (256,),
        },
        dropouts=[0.2] * 7,
        demo_shape=(129, 714),
        least_shape=(128, 16),
        overfit_shape=(129, 32),
        learning_rate=1e-3,
    ),
    "mfcc_lstm": Printed(
        input_shape=(130, 13),
        parameters=58_314,
        keras_parameters=57_802,
        outputs={"0": (64,), "1": (64,)},
        dropouts=[0.3],
        demo_shape=(130, 13),
        least_shape=(1, 1),
        overfit_shape=(40, 13),
    ),
    "stats_cnn": Printed(
        input_shape=(58,),
        parameters=114_250,
        outputs={"2": (32, 56), "4": (32, 28), "5": (64, 26), "7": (64, 13), "8": (832,)},
        dropouts=[0.5],
        demo_shape=(58,),
        least_shape=(10,),
        overfit_shape=(58,),
    ),
}


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
        return FUNCTIONS[name](shape, n_outputs, **parameters)


def clips(name: str, shape: tuple[int, ...], n: int = 16) -> tuple[Tensor, Tensor]:
    """`n` clips of four classes: a tone, a band of the spectrum or a column that stands out."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 4
    noise = torch.randn(n, *shape, generator=generator)
    if PRINTED[name].dtype == torch.int8:
        phase = torch.rand(n, 1, generator=generator)
        cycles = 200 * 2 ** y[:, None] * torch.arange(shape[0]) / 16_000
        x = 60 * torch.sin(2 * math.pi * (cycles + phase)) + 10 * noise
        return x.round().to(torch.int8), y
    spectral = name == "crnn2d_gru"
    peaks = torch.zeros(4, shape[0] if spectral else shape[-1])
    peaks[range(4), range(0, 8, 2)] = 400.0
    if spectral:
        return 20 * noise.square() + peaks[y][:, :, None], y
    return 20 * noise + peaks[y].view(n, *[1] * (len(shape) - 1), -1), y


def fitted(name: str, shape: tuple[int, ...], x: Tensor, **parameters: Any) -> nn.Module:
    """The network, its Standardize layers fitted on `x`."""
    network = build(name, shape, **parameters)
    for layer in network.modules():
        if isinstance(layer, Standardize):
            layer.fit(x)
    return network


def output_shapes(network: nn.Module, x: Tensor, names: list[str]) -> dict[str, tuple[int, ...]]:
    """Shape of what each of the submodules `names` puts out for `x`, without the batch."""
    shapes = {}

    def remember(name):
        def hook(module, inputs, output):  # noqa: ARG001
            shapes[name] = tuple(output.shape[1:])

        return hook

    for name in names:
        network.get_submodule(name).register_forward_hook(remember(name))
    with torch.no_grad():
        network.eval()(x)
    return shapes


def test_every_network_has_its_printed_numbers_here():
    assert PRINTED.keys() == set(NETWORKS)
    assert set(NAMES) - set(NETWORKS) == {"svm"}


@pytest.mark.parametrize("name", NAMES)
def test_function_is_named_as_its_file_and_cites_its_source(name):
    module = import_module(f"soundstage.models.{name}")
    assert FUNCTIONS[name].__module__ == module.__name__
    assert "paper 00" in module.__doc__
    assert "Printed on" in module.__doc__
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
        TypeAdapter(parameter.annotation).validate_python(parameter.default, strict=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_printed_parameter_count(name):
    printed = PRINTED[name]
    with torch.device("meta"):
        network = FUNCTIONS[name](printed.input_shape, 10)
    counts = {key: p.numel() for key, p in network.named_parameters()}
    assert sum(counts.values()) == printed.parameters
    if printed.keras_parameters is not None:  # Keras' LSTM has no second bias vector
        once = sum(count for key, count in counts.items() if "bias_hh" not in key)
        assert once == printed.keras_parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_printed_shapes(name):
    printed = PRINTED[name]
    # on the meta device no number is computed; Standardize must look at its own, but is small
    with torch.device("cpu" if name == "stats_cnn" else "meta"):
        x = torch.zeros(2, *printed.input_shape, dtype=printed.dtype)
        shapes = output_shapes(fitted(name, printed.input_shape, x), x, list(printed.outputs))
    assert shapes == printed.outputs


@pytest.mark.parametrize("name", NETWORKS)
def test_printed_dropouts(name):
    with torch.device("meta"):
        network = FUNCTIONS[name](PRINTED[name].input_shape, 10)
    rates = [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)]
    assert rates == PRINTED[name].dropouts


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("length", ["input_shape", "demo_shape"])
def test_logits_shape(name, length):
    shape = getattr(PRINTED[name], length)
    with torch.device("cpu" if name == "stats_cnn" else "meta"):
        x = torch.zeros(3, *shape, dtype=PRINTED[name].dtype)
        network = fitted(name, shape, x, n_outputs=7)
        logits = network.eval()(x)
    assert logits.shape == (3, 7)
    assert logits.dtype == torch.float32


@pytest.mark.parametrize("name", NETWORKS)
def test_least_input_works_and_less_is_refused(name):
    least = PRINTED[name].least_shape
    x, _ = clips(name, least, n=2) if name != "mfcc_lstm" else (torch.randn(2, 1, 1), None)
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
    network = fitted(name, shape, x).train()
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
    assert still == []


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
    network = fitted(name, shape, x)
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


@pytest.mark.parametrize(("name", "layers"), [("cnn1d", 3), ("cnn1d_chunk", 2), ("crnn2d_gru", 2)])
@pytest.mark.parametrize(("given", "momentum"), [({}, 0.01), ({"bn_momentum": 0.1}, 0.1)])
def test_batch_norm_is_as_in_keras_unless_told(name, layers, given, momentum):
    with torch.device("meta"):
        network = FUNCTIONS[name](PRINTED[name].input_shape, 10, **given)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert [(m.eps, m.momentum) for m in norms] == [(1e-3, momentum)] * layers


@pytest.mark.parametrize("name", NETWORKS)
def test_biases_start_as_in_keras(name):
    network = build(name, PRINTED[name].overfit_shape)
    biases = {key: p for key, p in network.named_parameters() if "bias" in key}
    ones = {key: int(bias.sum()) for key, bias in biases.items() if bias.any()}
    lstm = {"0.rnn.bias_ih_l0": 64, "0.rnn.bias_ih_l1": 64}  # the forget gates
    assert ones == (lstm if name == "mfcc_lstm" else {})


@pytest.mark.parametrize("name", ["cnn1d", "cnn1d_chunk", "crnn2d_gru"])
@pytest.mark.parametrize(("given", "slope"), [({}, 0.3), ({"leaky_slope": 0.01}, 0.01)])
def test_leaky_slope_is_as_in_keras_unless_told(name, given, slope):
    with torch.device("meta"):
        network = FUNCTIONS[name](PRINTED[name].input_shape, 10, **given)
    slopes = {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {slope}


@pytest.mark.parametrize("name", NETWORKS)
def test_same_seed_same_weights(name):
    shape = PRINTED[name].overfit_shape
    first, again, other = (build(name, shape, seed=seed).state_dict() for seed in (0, 0, 1))
    torch.testing.assert_close(again, first, rtol=0, atol=0, equal_nan=True)
    weights = [key for key in first if "weight" in key and "batch_norm" not in key]
    assert weights
    assert not any(torch.equal(first[key], other[key]) for key in weights)


@pytest.mark.parametrize("name", NETWORKS)
def test_safetensors_round_trip_gives_identical_logits(name):
    shape = PRINTED[name].overfit_shape
    x, _ = clips(name, shape, n=4)
    network = fitted(name, shape, x).train()
    network(x)  # moves the running statistics off their start
    stored = safetensors.torch.save(network.state_dict())
    loaded = build(name, shape, seed=1)
    loaded.load_state_dict(safetensors.torch.load(stored))
    with torch.no_grad():
        assert torch.equal(loaded.eval()(x), network.eval()(x))
