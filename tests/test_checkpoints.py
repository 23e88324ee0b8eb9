import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from soundstage import checkpoints, registry
from soundstage.checkpoints import About
from soundstage.errors import SoundstageError
from soundstage.estimators import Estimator

ESTIMATORS = [n for n in registry.names("models") if registry.returns("models", n) == "Pipeline"]
ABOUT = About("m", "stats_cnn", {"dropout": 0.5}, (12,), ("jig", "reel"), False, (0.5, 0.5))
N = 60


class Clips:
    """As `Segments`, of sixty clips of twelve columns held in memory."""

    def __init__(self, about, part="test"):
        rng = np.random.default_rng(0)
        self.part, self.view = part, SimpleNamespace(about=about)
        self.y = np.tile([0, len(about.classes) - 1], N // 2)
        self.X = (rng.normal(size=(N, 12)) + 3 * (self.y > 0)[:, None]).astype(np.float32)

    def __len__(self):
        return N

    def batch(self, indices):
        return self.X[list(indices)], self.y[list(indices)]


def trained(kind, multilabel=False):
    """A model trained on clips of the classes jig and reel, not polka, and what is said of it."""
    fields = registry.parameters("models", kind)
    arguments = {"n_estimators": 20} if "n_estimators" in fields else {}
    shares = (0.5, 0.0, 0.5)
    about = About("m", kind, arguments, (12,), ("jig", "polka", "reel"), multilabel, shares)
    clips = Clips(about)
    y = np.eye(3, dtype=np.float32)[clips.y] if multilabel else clips.y
    return checkpoints.create(about, seed=0).fit(clips.X, y, np.arange(N)), about


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("multilabel", [False, True])
def test_an_estimator_survives_the_disk(kind, multilabel, tmp_path):
    model, about = trained(kind, multilabel)
    clips = Clips(about)
    before = checkpoints.predict(model, clips)
    assert before.shape == (N, 3)
    assert before.dtype == np.float64
    assert (before[:, 1] == 0).all()
    assert (before.argmax(1) == clips.y).mean() > 0.9
    if not multilabel:
        np.testing.assert_allclose(before.sum(1), 1, atol=1e-12)
    checkpoints.save(model, about, tmp_path)
    loaded, same = checkpoints.load(tmp_path)
    assert json.dumps(asdict(same) | {"arguments": {}}) == json.dumps(
        asdict(about) | {"arguments": {}}
    )
    assert same.arguments.items() >= about.arguments.items()  # defaults are filled in
    np.testing.assert_array_equal(checkpoints.predict(loaded, clips), before)


@pytest.fixture
def network(tmp_path):
    """A folder with an untrained network, its scaler fitted."""
    model = checkpoints.create(ABOUT, seed=0)
    model[0].fit(torch.randn(20, 12, generator=torch.Generator().manual_seed(0)))
    checkpoints.save(model, ABOUT, tmp_path / "network")
    return tmp_path / "network"


def test_a_network_survives_the_disk(network):
    loaded, about = checkpoints.load(network)
    assert list(about.classes) == ["jig", "reel"]
    stored = load_file(network / "weights.safetensors")
    torch.testing.assert_close(loaded.cpu().state_dict(), stored, rtol=0, atol=0)
    assert not loaded.training


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"more": 1}, "more: Unexpected keyword"),
        ({"kind": "stats_cn"}, "no 'stats_cn'; did you mean 'stats_cnn'"),
        ({"kind": "../svm"}, r"no '\.\./svm'"),
        ({"kind": 7}, "kind: Input should be a valid string"),
        ({"kind": "svm", "arguments": {}}, r"estimator\.skops: no such file"),
        ({"kind": "mfcc_lstm", "arguments": {}}, "m: mfcc_lstm needs"),
        ({"arguments": {"dropout": "0.5"}}, "dropout: Input should be a valid number"),
        ({"arguments": {"dropout": -1.0}}, "dropout: Input should be greater"),
        ({"arguments": {"input_shape": [3]}}, "input_shape: Extra inputs"),
        ({"arguments": []}, "arguments: Input should be an object"),
        ({"input_shape": []}, "input_shape: .* at least 1 item"),
        ({"input_shape": [0]}, "input_shape.0: Input should be greater than 0"),
        ({"input_shape": [12.5]}, "input_shape.0: Input should be a valid integer"),
        ({"input_shape": [10**12]}, "input_shape .* is absurd"),
        ({"input_shape": [14]}, r"weight 0\.\w+ is \(12,\) .* has as \(14,\)"),
        ({"classes": ["jig", "jig"]}, "classes and train_shares do not match"),
        ({"classes": ["jig"]}, "classes: .* at least 2 items"),
        ({"classes": ["jig", "polka", "reel"]}, "classes and train_shares do not match"),
        (
            {"classes": ["jig", "polka", "reel"], "train_shares": [0.5, 0, 0.5]},
            "which a stats_cnn for 3 classes has as",
        ),
        ({"train_shares": [2, -1]}, "train_shares.0: Input should be less than or equal to 1"),
        ({"multilabel": 1}, "multilabel: Input should be a valid boolean"),
    ],
)
def test_an_about_that_cannot_be_is_an_error(change, what, network):
    file = network / "about.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(SoundstageError, match=what):
        checkpoints.load(network)


@pytest.mark.parametrize("text", ["", "[]", "{", "NaN", '{"model": "m"}'])
def test_an_about_that_is_none_is_an_error(text, network):
    (network / "about.json").write_text(text)
    with pytest.raises(SoundstageError, match=r"about\.json: .*; run `dvc repro --force train`"):
        checkpoints.load(network)


def nan(weights):
    weights["12.weight"][1] = torch.nan


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (nan, "weight 12.weight is not finite"),
        (lambda weights: weights.pop("12.bias"), "weights are not of a stats_cnn: 12.bias"),
        (lambda weights: weights.update(more=torch.zeros(1)), "not of a stats_cnn: more"),
        (
            lambda weights: weights.update({"12.bias": torch.zeros(3)}),
            r"weight 12.bias is \(3,\) torch.float32, which .* has as \(2,\)",
        ),
        (
            lambda weights: weights.update({"12.bias": torch.zeros(2, dtype=torch.float64)}),
            "weight 12.bias is .* torch.float64",
        ),
    ],
)
def test_weights_that_cannot_be_are_an_error(change, what, network):
    file = network / "weights.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file)
    with pytest.raises(SoundstageError, match=what):
        checkpoints.load(network)


@pytest.mark.parametrize("name", ["weights.safetensors", "about.json"])
@pytest.mark.parametrize("size", [0, 7, 100])
def test_a_torn_file_is_an_error(name, size, network):
    file = network / name
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(SoundstageError, match="run `dvc repro --force train`"):
        checkpoints.load(network)


def test_an_estimator_in_the_place_of_another_is_an_error(tmp_path):
    model, about = trained("knn")
    checkpoints.save(model, replace(about, kind="svm"), tmp_path)
    with pytest.raises(
        SoundstageError, match=r"holds StandardScaler -> KN.*, not StandardScaler -> C"
    ):
        checkpoints.load(tmp_path)
    (tmp_path / "estimator.skops").write_bytes(b"PK")
    with pytest.raises(SoundstageError, match=r"is damaged: .*run `dvc repro --force train`"):
        checkpoints.load(tmp_path)


def test_an_estimator_that_could_not_be_read_is_refused_at_once(tmp_path):
    dummy = Pipeline([("scaler", "passthrough"), ("classifier", DummyClassifier())])
    dummy.fit(np.zeros((3, 2)), np.arange(3))
    with pytest.raises(SoundstageError, match=r"DummyClassifier.*ALLOWED of src/soundstage/untru"):
        checkpoints.save(Estimator(dummy, np.full(3, 1 / 3), False), ABOUT, tmp_path)


@pytest.mark.parametrize("kind", ["knn", "stats_cnn"])
def test_a_checkpoint_of_other_classes_than_the_views_is_an_error(kind, network):
    model = trained(kind)[0] if kind == "knn" else checkpoints.load(network)[0]
    view = replace(ABOUT, classes=("air", "jig", "polka", "reel"))
    with pytest.raises(SoundstageError, match=r"knows [23] classes, the view 4; run"):
        checkpoints.predict(model, Clips(view))


def test_an_estimator_reads_one_row_a_segment():
    with pytest.raises(SoundstageError, match=r"m: reads a row of numbers, .* \(130, 13\); give"):
        checkpoints.create(replace(ABOUT, kind="knn", arguments={}, input_shape=(130, 13)), seed=0)


def test_a_segment_without_numbers_is_an_error_that_says_where():
    model, about = trained("xgboost")  # which itself would take it
    clips = Clips(about)
    clips.X[7, 3] = np.nan
    with pytest.raises(SoundstageError, match=r"m: part 'test': input has no number .* column 3 "):
        checkpoints.predict(model, clips)
