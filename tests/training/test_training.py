"""A network's training: what is random, which epoch is kept, when it ends, what a step does."""

import library
import numpy as np
import polars as pl
import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from trainings import STATS_CNN, assert_same, fitted, weights

from soundstage import training, views
from soundstage.batches import Batches
from soundstage.errors import SoundstageError
from soundstage.loading import Segments
from soundstage.params import Training
from soundstage.progress import progress

ON_CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU does otherwise")


def curve(tmp_path, name):
    lines = (tmp_path / "curves/plots/metrics" / f"{name}.tsv").read_text().splitlines()[1:]
    return [float(line.split("\t")[1]) for line in lines]


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


def test_adams_epsilon_is_the_networks(view, tmp_path):
    found = []
    handle = register_optimizer_step_pre_hook(
        lambda optimiser, *_: found.append(optimiser.param_groups[0]["eps"])
    )
    try:
        fitted(STATS_CNN, view(), tmp_path, epochs=1)
        fitted(STATS_CNN, view(), tmp_path, epochs=1, eps=1e-8)
    finally:
        handle.remove()
    assert list(dict.fromkeys(found)) == [1e-7, 1e-8]


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
