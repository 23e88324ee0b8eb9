import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import library
import numpy as np
import polars as pl
import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from soundstage import checkpoints, resume, scoring, training, views
from soundstage.batches import Batches
from soundstage.errors import SoundstageError
from soundstage.fitting import fit
from soundstage.loading import Segments
from soundstage.params import Component, Training
from soundstage.progress import progress

STATS_CNN = Component("m", "stats_cnn", "stats", {"dropout": 0.5})
SVM = Component("m", "svm", "stats", {"C": 1.0, "gamma": "scale"})
ON_CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU does otherwise")


@pytest.fixture(autouse=True)
def main_checkout(tmp_path, monkeypatch):
    """Have states of training kept under `tmp_path`, and all of them, however short an epoch."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(resume, "SHARE", float("inf"))


@pytest.fixture
def view(fill, tmp_path):
    table, parts, rows, rejections = library.make(60)
    feature = fill("stats", rows, axes=("sample",), rejections=rejections)

    def write(target="genre"):
        path = tmp_path / "data" / "views" / f"{target}.parquet"
        built = views.build(table, parts, feature, model="m", target=target, code="c")
        views.write(built, path)
        return path

    write.tables = table, parts
    return write


def states(tmp_path):
    return sorted((tmp_path / ".soundstage" / "training").glob("*"))


def fitted(component, path, tmp_path, *, epochs=10, seed=0, rate=1e-2, **options):
    if component.kind != "svm":
        setting = Training(epochs=epochs, batch_size=8, learning_rate=rate, **options)
        component = replace(component, training=setting)
    return fit(component, path, seed=seed, curves=tmp_path / "curves")


def weights(path, tmp_path, **options):
    model, _ = fitted(STATS_CNN, path, tmp_path, **options)
    return {name: value.cpu() for name, value in model.state_dict().items()}


def curve(tmp_path, name):
    lines = (tmp_path / "curves/plots/metrics" / f"{name}.tsv").read_text().splitlines()[1:]
    return [float(line.split("\t")[1]) for line in lines]


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("component", [STATS_CNN, SVM], ids=["torch", "sklearn"])
@pytest.mark.parametrize("target", ["genre", "tags"])
def test_learns_and_survives_the_disk(component, target, view, tmp_path):
    path = view(target)
    model, about = fitted(component, path, tmp_path)
    test = Segments(path, "test")
    before = checkpoints.predict(model, test)
    assert before.shape == (len(test), len(about.classes))
    if target == "genre":
        np.testing.assert_allclose(before.sum(1), 1, atol=1e-6)
        assert (before.argmax(1) == test.targets).mean() > 0.9
    checkpoints.save(model, about, tmp_path / "checkpoints")
    loaded, same = checkpoints.load(tmp_path / "checkpoints")
    assert list(same.classes) == list(about.classes)
    np.testing.assert_array_equal(checkpoints.predict(loaded, test), before)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(view, tmp_path):
    state = torch.random.get_rng_state()
    first = weights(view(), tmp_path, epochs=2)
    assert torch.equal(torch.random.get_rng_state(), state)  # the global one is untouched
    assert_same(weights(view(), tmp_path, epochs=2), first)
    other = weights(view(), tmp_path, epochs=2, seed=1)
    assert any((other[name] != value).any() for name, value in first.items())


def test_dropout_differs_between_epochs_and_seeds():
    seeds = {training.seed_of(seed, epoch) for seed in range(3) for epoch in range(3)}
    assert len(seeds) == 9


def test_the_epoch_of_the_lowest_validation_loss_is_kept(view, tmp_path, capsys):
    model, _ = fitted(STATS_CNN, view(), tmp_path, epochs=8)
    losses = curve(tmp_path, "loss/valid")
    assert len(losses) == len(curve(tmp_path, "accuracy/train")) == 8
    held_out = Batches(Segments(view(), "valid"), batch_size=8, device=training.device())
    assert training.validate(model, held_out)[0] == pytest.approx(min(losses), rel=1e-4)
    assert f"kept epoch {1 + int(np.argmin(losses))} of 8" in capsys.readouterr().out


@pytest.fixture
def said_losses(monkeypatch):
    """Have validation say these losses, whatever the model."""

    def say(*losses):
        said = iter(losses)
        monkeypatch.setattr(training, "validate", lambda *_: (next(said), 0.5))

    return say


def test_the_last_epoch_is_kept_if_wanted(view, tmp_path, said_losses):
    short = weights(view(), tmp_path, epochs=2, keep="last")
    said_losses(3.0, 1.0, 2.0, 3.0, 1.0, 2.0)
    assert_same(weights(view(), tmp_path, epochs=3, keep="best"), short)
    long = weights(view(), tmp_path, epochs=3, keep="last", patience=0)
    assert any((long[name] != value).any() for name, value in short.items())


def test_training_ends_so_many_epochs_after_the_best(view, tmp_path, said_losses, capsys):
    said_losses(3.0, 2.0, float("nan"), 2.5, 1.0, 1.0, 1.5, 1.0)  # another raises StopIteration
    fitted(STATS_CNN, view(), tmp_path, epochs=50, patience=3)
    assert "kept epoch 5 of 8" in capsys.readouterr().out


def test_without_a_validation_part_nothing_is_chosen(view, tmp_path):
    path = view()
    whole = views.read(path)
    views.write(views.View(whole.about, whole.rows.filter(pl.col("part") != "valid")), path)
    fitted(STATS_CNN, path, tmp_path, epochs=2, keep="last")
    assert len(curve(tmp_path, "loss/train")) == 2
    assert not (tmp_path / "curves/plots/metrics/loss/valid.tsv").exists()
    for options in ({"keep": "best"}, {"keep": "last", "patience": 1}):
        with pytest.raises(SoundstageError, match="no readable clips in part 'valid'"):
            fitted(STATS_CNN, path, tmp_path, epochs=2, **options)


def test_a_loss_that_grows_without_bound_is_a_clear_error(view, tmp_path, said_losses):
    with pytest.raises(SoundstageError, match=r"diverged: the loss of epoch \d+ is not finite; lo"):
        fitted(STATS_CNN, view(), tmp_path, rate=1e30)
    said_losses(float("nan"), float("inf"))
    with pytest.raises(SoundstageError, match="diverged: no epoch has a finite validation loss"):
        fitted(STATS_CNN, view(), tmp_path, epochs=2)


def test_gradients_are_clipped(view, tmp_path):
    norms = []

    def note(optimiser, *_):
        gradients = [p.grad for p in optimiser.param_groups[0]["params"]]
        norms.append(torch.cat([g.flatten() for g in gradients]).norm().item())

    handle = register_optimizer_step_pre_hook(note)
    try:
        fitted(STATS_CNN, view(), tmp_path, epochs=1)
        free = norms.copy()
        norms.clear()
        fitted(STATS_CNN, view(), tmp_path, epochs=1, clip_norm=0.01)
    finally:
        handle.remove()
    assert min(free) > 0.02
    np.testing.assert_allclose(norms, 0.01, rtol=1e-3)


def test_weights_decay(view, tmp_path):
    def size(**options):
        found = weights(view(), tmp_path, epochs=3, keep="last", **options)
        return sum(value.square().sum().item() for name, value in found.items() if "weight" in name)

    assert size(weight_decay=10.0) < 0.9 * size()


@ON_CPU
def test_precision_and_compilation_are_for_a_gpu(view, tmp_path):
    plain = weights(view(), tmp_path, epochs=1)
    options = {"precision": "bfloat16", "compile": True, "data": "device"}
    assert_same(weights(view(), tmp_path, epochs=1, **options), plain)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_in_half_precision_and_compiled_a_network_learns_as_well(view, tmp_path):
    fitted(STATS_CNN, view(), tmp_path, precision="bfloat16", compile=True, data="host")
    assert curve(tmp_path, "loss/valid")[-1] < 0.2


class Penalised(nn.Linear):
    def penalty(self):
        return 5 * self.weight.square().sum()


def test_a_models_penalty_counts_in_training_but_not_in_validation(view):
    clips = Batches(Segments(view(), "train"), batch_size=8)
    setting = Training(epochs=1, batch_size=8, learning_rate=1e-3)
    model = Penalised(library.LENGTH, 2)
    before = model.weight.detach().clone()

    def epoch(rate):
        optimiser = torch.optim.SGD(model.parameters(), lr=rate)
        with progress("train", len(clips), "batches") as bar:
            return training.train_epoch(model, optimiser, clips, 0, setting, bar)

    (loss, accuracy), (plain, same) = epoch(0.0), training.validate(model, clips)
    assert loss == pytest.approx(plain + 5 * before.square().sum().item(), rel=1e-5)
    assert accuracy == same
    epoch(0.05)  # 1 - 2 * 5 * 0.05: each step halves what the data do not hold
    assert model.weight.square().sum() < 0.5 * before.square().sum()


# What a killed training does when it is run again.

# An epoch takes 5 steps and 2 batches of validation: the 18th loss is in the third.
KILLED = """
import os, signal, sys
from pathlib import Path
from soundstage import resume, training
from soundstage.fitting import fit
from soundstage.params import Component, Training

resume.SHARE = float("inf")
view, curves = map(Path, sys.argv[1:])
real, calls = training.loss_of, []

def deadly(*given):
    calls.append(given)
    if len(calls) == 18:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given)

training.loss_of = deadly
setting = Training(epochs=6, batch_size=8, learning_rate=1e-2)
component = Component("m", "stats_cnn", "stats", {"dropout": 0.5}, setting)
fit(component, view, seed=0, curves=curves)
"""


@pytest.fixture
def trained(monkeypatch):
    """Note the epochs that are trained."""
    epochs = []
    real = training.train_epoch

    def train_epoch(*given):
        epochs.append(given[3])
        return real(*given)

    monkeypatch.setattr(training, "train_epoch", train_epoch)
    return epochs


def test_a_killed_training_goes_on_and_ends_with_the_same_bits(view, tmp_path, trained):
    path = view()
    environment = os.environ | {"PYTHONPATH": str(Path(training.__file__).parents[1])}
    command = [sys.executable, "-c", KILLED, str(path), str(tmp_path / "curves")]
    died = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    (state,) = states(tmp_path)

    resumed = weights(path, tmp_path, epochs=6)
    assert trained == [2, 3, 4, 5]
    assert not state.exists()
    logged = {file.name: file.read_bytes() for file in (tmp_path / "curves").rglob("*.tsv")}
    summary = (tmp_path / "curves/metrics.json").read_bytes()

    trained.clear()
    calm = weights(path, tmp_path, epochs=6)
    assert trained == list(range(6))
    if not torch.cuda.is_available():
        assert_same(resumed, calm)
        assert logged == {f.name: f.read_bytes() for f in (tmp_path / "curves").rglob("*.tsv")}
        assert summary == (tmp_path / "curves/metrics.json").read_bytes()


def test_a_state_is_saved_whole_or_not_at_all(stopped, tmp_path, trained, monkeypatch):
    (state,) = states(tmp_path)
    before = state.read_bytes()

    def half(_tensors, file, _metadata):
        file.write_bytes(before[:1000])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resume, "save_file", half)
        with pytest.raises(KeyboardInterrupt):
            fitted(STATS_CNN, stopped, tmp_path, epochs=4)
    assert state.read_bytes() == before
    fitted(STATS_CNN, stopped, tmp_path, epochs=4)
    assert trained == [2, 2, 3]


@pytest.fixture
def stopped(view, tmp_path, monkeypatch):
    """Stop a training of four epochs in its third."""
    path, real = view(), training.train_epoch

    def train_epoch(*given):
        if given[3] == 2:
            raise KeyboardInterrupt
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(training, "train_epoch", train_epoch)
        with pytest.raises(KeyboardInterrupt):
            fitted(STATS_CNN, path, tmp_path, epochs=4)
    return path


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"rate": 2e-2}, {"epochs": 5}, {"keep": "last"}, {"view": "tags"}],
    ids=lambda change: next(iter(change)),
)
def test_another_training_does_not_go_on_from_there(change, stopped, view, tmp_path, trained):
    options = {"epochs": 4} | change
    path = view(options.pop("view")) if "view" in options else stopped
    fitted(STATS_CNN, path, tmp_path, **options)
    assert trained == list(range(options["epochs"]))
    fitted(STATS_CNN, stopped, tmp_path, epochs=4)
    assert trained[options["epochs"] :] == [2, 3]  # the state is still there


def test_a_state_that_is_damaged_is_none(stopped, tmp_path, trained, capsys):
    (state,) = states(tmp_path)
    state.write_bytes(state.read_bytes()[:1000])
    weights(stopped, tmp_path, epochs=4)
    assert trained == [0, 1, 2, 3]
    assert "training starts anew" in capsys.readouterr().out


def test_old_states_are_swept(stopped, tmp_path):
    (state,) = states(tmp_path)
    old = time.time() - (resume.KEPT_DAYS + 1) * 86400
    os.utime(state, (old, old))
    fitted(STATS_CNN, stopped, tmp_path, epochs=1)
    assert states(tmp_path) == []


def test_two_at_once_may_share_a_state(view, tmp_path, trained, monkeypatch):
    """The second goes on from the first, ends before it and removes the state; both are right."""
    path, calm = view(), weights(view(), tmp_path, epochs=4)
    trained.clear()
    real, second = training.train_epoch, []

    def train_epoch(*given):
        if given[3] == 2 and not second:
            second.append(None)
            second[0] = weights(path, tmp_path / "second", epochs=4)
        return real(*given)

    monkeypatch.setattr(training, "train_epoch", train_epoch)
    first = weights(path, tmp_path, epochs=4)
    assert trained == [0, 1, 2, 3, 2, 3]
    assert_same(first, calm)
    assert_same(second[0], calm)
    assert states(tmp_path) == []


def test_saving_takes_a_small_share_of_the_time(view, tmp_path, monkeypatch):
    """With epochs that cost nothing, only the first is saved; with long ones each."""
    saves, clock = [], [0.0]
    monkeypatch.setattr(resume, "SHARE", 0.05)
    monkeypatch.setattr(resume.time, "monotonic", lambda: clock[0])
    real = resume.save_file

    def slowly(*given):
        saves.append(clock[0])
        clock[0] += 1.0
        real(*given)

    monkeypatch.setattr(resume, "save_file", slowly)
    train_epoch = training.train_epoch
    for seconds, expected in [(0.1, 1), (21.0, 4)]:
        saves.clear()

        def epoch(*given, seconds=seconds):
            clock[0] += seconds
            return train_epoch(*given)

        monkeypatch.setattr(training, "train_epoch", epoch)
        fitted(STATS_CNN, view(), tmp_path, epochs=4, seed=int(seconds))
        assert len(saves) == expected


def test_an_input_that_a_model_cannot_take_is_an_error_before_any_is_read(
    view, tmp_path, monkeypatch
):
    monkeypatch.setattr(Segments, "batch", lambda *_: pytest.fail("data were read"))
    with pytest.raises(SoundstageError, match=r"^m: cnn1d needs .* at least 19683 samples, got"):
        fitted(Component("m", "cnn1d", "stats", {}), view(), tmp_path)


def test_no_checkpoint_says_what_to_do(tmp_path):
    with pytest.raises(SoundstageError, match="run `dvc repro train`"):
        checkpoints.load(tmp_path)


def test_train_shares_count_clips(view):
    about = checkpoints.component_about(SVM, Segments(view(), "train"))
    assert sum(about.train_shares) == pytest.approx(1)
    tagged = checkpoints.component_about(SVM, Segments(view("tags"), "train"))
    y = Segments(view("tags"), "train").targets
    np.testing.assert_allclose(tagged.train_shares, y.mean(0), rtol=1e-6)


def test_every_listed_clip_is_accounted_for(view, tmp_path):
    model, about = fitted(SVM, view(), tmp_path)
    test = Segments(view(), "test")
    found = scoring.predictions(model, about, test)
    counts = scoring.counts(*view.tables, test, found)
    assert counts == {"n_listed": 12, "n_quarantined": 1, "n_expected": 11, "n_scored": 11}
    test.view.rows.extend(test.view.rows[:0])
    short = scoring.predictions(model, about, test)
    object.__setattr__(short, "track", short.track[1:])
    with pytest.raises(SoundstageError, match="10 clips were scored and 11 expected"):
        scoring.counts(*view.tables, test, short)
