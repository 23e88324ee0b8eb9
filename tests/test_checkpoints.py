import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from soundstage import checkpoints, registry
from soundstage.checkpoints import About
from soundstage.errors import SoundstageError

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
        ({"kind": "svm", "arguments": {}}, r"arrays\.safetensors: no such file"),
        ({"kind": "mfcc_lstm", "arguments": {}}, "m: mfcc_lstm needs"),
        ({"arguments": {"dropout": "0.5"}}, "dropout: Input should be a valid number"),
        ({"arguments": {"dropout": -1.0}}, "dropout: Input should be greater"),
        ({"arguments": {"input_shape": [3]}}, "input_shape: Extra inputs"),
        ({"arguments": []}, "arguments: Input should be an object"),
        ({"input_shape": []}, "input_shape: .* at least 1 item"),
        ({"input_shape": [0]}, "input_shape.0: Input should be greater than 0"),
        ({"input_shape": [12.5]}, "input_shape.0: Input should be a valid integer"),
        ({"input_shape": [10**12]}, r"input_shape \(10{12},\) is larger than any model needs"),
        ({"input_shape": [14]}, r"0\.mean is F32 \(12\), not F32 \(14\)"),
        ({"classes": ["jig", "jig"]}, "classes and train_shares do not match"),
        ({"classes": ["jig"]}, "classes: .* at least 2 items"),
        ({"classes": ["jig", "polka", "reel"]}, "classes and train_shares do not match"),
        (
            {"classes": ["jig", "polka", "reel"], "train_shares": [0.5, 0, 0.5]},
            r"12\.weight is F32 \(2, 128\), not F32 \(3, 128\)",
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
        (nan, "12.weight is not finite"),
        (lambda weights: weights.pop("12.bias"), r"weights\.safetensors lacks 12\.bias"),
        (lambda weights: weights.update(more=torch.zeros(1)), "has an unknown more"),
        (
            lambda weights: weights.update({"12.bias": torch.zeros(3)}),
            r"12.bias is F32 \(3\), not F32 \(2\)",
        ),
        (
            lambda weights: weights.update({"12.bias": torch.zeros(2, dtype=torch.float64)}),
            "12.bias is F64 .*, not F32",
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
    checkpoints.save(model, about, tmp_path)
    other = replace(about, kind="svm", arguments={})
    (tmp_path / "about.json").write_text(json.dumps(asdict(other)))
    with pytest.raises(SoundstageError, match=r"safetensors lacks beta; run `dvc repro --force"):
        checkpoints.load(tmp_path)
    (tmp_path / "arrays.safetensors").write_bytes(b"PK")
    with pytest.raises(SoundstageError, match=r"is damaged: .*run `dvc repro --force train`"):
        checkpoints.load(tmp_path)


def test_what_could_not_be_read_again_is_refused_at_once(network, tmp_path):
    model, about = trained("knn")
    with pytest.raises(SoundstageError, match=r"m: could not be read again: .*lacks beta; lower"):
        checkpoints.save(model, replace(about, kind="svm"), tmp_path)
    diverged, about = checkpoints.load(network)
    diverged[-1].bias.data[0] = torch.inf
    with pytest.raises(SoundstageError, match=r"12\.bias is not finite; .*its learning rate"):
        checkpoints.save(diverged, about, tmp_path)


def test_answers_that_are_no_numbers_are_an_error(network):
    model, about = checkpoints.load(network)
    model[0].scale.zero_()
    clips = Clips(about)
    clips.X[:] = model[0].mean.cpu()
    with pytest.raises(SoundstageError, match="m: its answers are no numbers; run"):
        checkpoints.predict(model, clips)


# Loads each folder that it is told, with so much more memory than for the first; says what comes.
LIMITED = """
import resource, sys
from pathlib import Path
import torch
from soundstage import checkpoints
from soundstage.errors import SoundstageError

def told(folder):
    try:
        checkpoints.load(Path(folder))
    except SoundstageError as error:
        return " ".join(str(error).split())

more, first, *folders = sys.argv[1:]
assert told(first) is None
torch.linalg.qr(torch.randn(500, 500))
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(more), used + int(more)))
for folder in folders:
    print(told(folder), flush=True)
"""


def limited(more, *folders):
    """Return what comes of each folder but the first, in a process with `more` bytes for them."""
    words = [sys.executable, "-c", LIMITED, *map(str, (more, *folders))]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, env=one_thread)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


MEL = {"sr": 16000, "n_mels": 128, "n_fft": 2048}
MADE = r"cannot be made with these parameters"
FILE = r"weights\.safetensors: .* is F32 |weights\.safetensors (lacks|has an unknown) "


MANY = [str(i) for i in range(10_000)]
GREEDY = [
    ("stats_cnn", {}, (2**28,), r"0\.mean is F32 \(12\), not F32 \(268435456\)"),
    ("stats_cnn", {}, (2**28 + 1,), "input_shape .* is larger than any model needs"),
    ("knn", {}, (2**28,), r"arrays\.safetensors: no such file"),
    ("knn", {"k": 2**31 + 1}, (12,), "m: k is larger than any model needs"),
    ("mlp", {"hidden": (2**30, 2**30)}, (12,), r"arrays\.safetensors: no such file"),
    ("mlp", {"hidden": (1,) * 65}, (12,), "m: hidden is larger than any model needs"),
    ("random_forest", {"n_estimators": 2**31}, (12,), r"arrays\.safetensors: no such file"),
    (
        "mel_rescnn",
        MEL | {"n_mels": 6000, "n_fft": 131072},
        (2**18,),
        "m: n_mels times n_fft is larger than any model needs",
    ),
    ("mel_rescnn", MEL | {"hidden": (2**20, 2**20)}, (2**18,), FILE),
    ("mel_rescnn", MEL | {"channels": 2**31}, (2**18,), MADE),
    ("wave_mel_cnn", MEL | {"width": 2**31, "hop_length": 1}, (2**18,), "needs .samples,."),
    ("wave_cnn", {"filters": 2**22}, (2**18,), f"{FILE}|{MADE}"),
    ("wave_cnn", {"kernel": 2**31}, (2**18,), f"{FILE}|{MADE}"),
    ("crnn", {"units": 2**24}, (128, 1366), f"{FILE}|{MADE}"),
    ("mfcc_mlp", {"hidden": (2**31, 2**31)}, (130, 13), f"{FILE}|{MADE}"),
    ("mfcc_cnn", {"filters": (2**20, 2**20, 2**20)}, (130, 13), f"{FILE}|{MADE}"),
    ("mfcc_lstm", {}, (2, 2**26), f"{FILE}|{MADE}"),
    ("svm", {"classes": MANY}, (12,), r"arrays\.safetensors: no such file"),
    ("svm", {"classes": MANY, "multilabel": True}, (12,), r"arrays\.safetensors: no such file"),
]


def test_an_about_alone_takes_no_memory(network, tmp_path):
    folders = []
    for i, (kind, arguments, input_shape, _) in enumerate(GREEDY):
        about = replace(ABOUT, kind=kind, arguments=arguments, input_shape=input_shape)
        if "classes" in arguments:
            shares = [1 / len(MANY)] * len(MANY)
            about = replace(about, **arguments, arguments={}, train_shares=shares)
        folders.append(shutil.copytree(network, tmp_path / str(i)))
        (folders[-1] / "about.json").write_text(json.dumps(asdict(about)))
    told = limited(2**28, network, *folders)
    for words, (_, _, _, expected) in zip(told, GREEDY, strict=True):
        assert re.search(expected, words)


def test_an_about_that_is_too_large_is_not_read(network):
    (network / "about.json").write_text(" " * (checkpoints.LARGEST_ABOUT + 1))
    with pytest.raises(SoundstageError, match=r"about\.json has 4\.2 MB, where 4\.2 are the most"):
        checkpoints.load(network)


@pytest.mark.parametrize("more", [2**24, 3 * 2**24])  # for the file, or the model beside it
def test_a_model_that_memory_cannot_hold_is_told_so(more, network, tmp_path):
    """A file may be as large as it says, 32 MB here, and the machine smaller."""
    about = replace(ABOUT, kind="mfcc_mlp", arguments={"hidden": (1000,)}, input_shape=(400, 20))
    with torch.device("meta"):
        state = checkpoints.create(about, seed=0).state_dict()
    save_file({n: torch.zeros(v.shape) for n, v in state.items()}, tmp_path / checkpoints.WEIGHTS)
    (tmp_path / "about.json").write_text(json.dumps(asdict(about)))
    (words,) = limited(more, network, tmp_path)
    assert re.search("cannot be (held in memory|made with these parameters): .*memory", words)


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
