from dataclasses import replace

import library
import numpy as np
import pytest
import torch
from torch import nn

from soundstage import checkpoints, scoring, training, views
from soundstage.errors import SoundstageError
from soundstage.fitting import fit
from soundstage.loading import Segments
from soundstage.nn.standardize import Standardize
from soundstage.params import Component, Training


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


STATS_CNN = Component("m", "stats_cnn", "stats", {"dropout": 0.5})
SVM = Component("m", "svm", "stats", {"C": 1.0, "gamma": "scale"})


def fitted(component, path, tmp_path, *, epochs=10, seed=0):
    if component.kind != "svm":
        setting = Training(epochs=epochs, batch_size=8, learning_rate=1e-2)
        component = replace(component, training=setting)
    return fit(component, path, seed=seed, curves=tmp_path / "curves")


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
    test = Segments(view(), "test")

    def probabilities(seed):
        state = torch.random.get_rng_state()
        model, _ = fitted(STATS_CNN, view(), tmp_path, epochs=2, seed=seed)
        assert torch.equal(torch.random.get_rng_state(), state)  # the global one is untouched
        return checkpoints.predict(model, test)

    first = probabilities(0)
    np.testing.assert_array_equal(first, probabilities(0))
    assert (first != probabilities(1)).any()


def test_the_epoch_of_the_lowest_validation_loss_is_kept(view, tmp_path, capsys):
    model, _ = fitted(STATS_CNN, view(), tmp_path, epochs=8)
    loss = (tmp_path / "curves/plots/metrics/loss/valid.tsv").read_text().splitlines()[1:]
    losses = [float(line.split("\t")[1]) for line in loss]
    assert len(losses) == 8
    held_out = training.loading.loader(view(), "valid", batch_size=8)
    assert training.validate(model, held_out)[0] == pytest.approx(min(losses), rel=1e-4)
    assert f"kept epoch {1 + int(np.argmin(losses))} of 8" in capsys.readouterr().out


def test_scalers_see_training_data_only(view):
    scaler = Standardize((library.LENGTH,))
    training.fit_scalers(nn.Sequential(scaler), view())
    X, _ = training.loading.arrays(view(), "train")
    np.testing.assert_allclose(scaler.mean, X.mean(0), rtol=1e-5)
    np.testing.assert_allclose(scaler.scale, X.std(0), rtol=1e-5)


def test_an_input_that_a_model_cannot_read_is_an_error_of_the_model(view):
    about = checkpoints.component_about(
        Component("m", "cnn1d", "stats", {}), Segments(view(), "train")
    )
    with pytest.raises(SoundstageError, match=r"^m: cnn1d"):
        checkpoints.create(about, seed=0)


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
    assert scoring.table(found).columns == [
        "track",
        "segment",
        "group",
        "target",
        "p_jig",
        "p_reel",
    ]
    test.view.rows.extend(test.view.rows[:0])
    short = scoring.predictions(model, about, test)
    object.__setattr__(short, "track", short.track[1:])
    with pytest.raises(SoundstageError, match="10 clips were scored and 11 expected"):
        scoring.counts(*view.tables, test, short)
