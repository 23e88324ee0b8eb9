"""From a view to a score: fit, checkpoint, predictions and counts together."""

import numpy as np
import pytest
from trainings import STATS_CNN, SVM, fitted

from soundstage import checkpoints, scoring
from soundstage.errors import SoundstageError
from soundstage.loading import Segments
from soundstage.params import Component


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
    clips = Segments(view("tags"), "train")
    tagged = checkpoints.component_about(SVM, clips)
    np.testing.assert_allclose(tagged.train_shares, clips.targets.mean(0), rtol=1e-6)


def test_every_listed_clip_is_accounted_for(view, tmp_path):
    model, about = fitted(SVM, view(), tmp_path)
    test = Segments(view(), "test")
    found = scoring.predictions(model, about, test)
    counts = scoring.counts(*view.tables, test, found)
    assert counts == {"n_listed": 12, "n_quarantined": 1, "n_expected": 11, "n_scored": 11}
    short = found.rows(np.arange(1, len(found.track)))
    with pytest.raises(SoundstageError, match="10 clips were scored and 11 expected"):
        scoring.counts(*view.tables, test, short)
