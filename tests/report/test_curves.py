import numpy as np
import polars as pl
import pytest
from sklearn.metrics import (
    auc,
    average_precision_score,
    confusion_matrix,
    multilabel_confusion_matrix,
    roc_auc_score,
)

from soundstage.metrics.predictions import Predictions
from soundstage.report import curves

CLASSES = ("not rock", "rock", "jazz")


def predictions(rng, n=300, *, multi_label=False, segments=2, skill=1.0):
    """Clips of some skill; the rows of a clip are equal."""
    logits = rng.normal(size=(n, 3))
    if multi_label:
        y_true = rng.random((n, 3)) < [0.1, 0.3, 0.5]
        probability = 1 / (1 + np.exp(-logits - skill * (2 * y_true - 1)))
    else:
        y_true = np.arange(n) % 3
        logits[np.arange(n), y_true] += skill
        probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    track = np.array([f"t{i:04d}" for i in range(n)])
    return Predictions(
        track=np.repeat(track, segments),
        segment=np.tile(np.arange(segments), n),
        group=np.repeat(track, segments),
        y_true=np.repeat(y_true, segments, axis=0),
        probability=np.repeat(probability, segments, axis=0),
        classes=CLASSES,
        train_shares=np.full(3, 1 / 3),
    )


def curve(frame, name):
    return frame.filter(pl.col("class") == name).drop("class").to_numpy().T


def step_area(recall, precision):
    """Area under a precision-recall curve as average precision counts it."""
    return np.sum(np.diff(recall) * precision[1:])


def test_confusion_of_genres_counts_clips(rng):
    found = predictions(rng)
    frame = curves.confusion(found.clips())
    clips = found.clips()
    expected = confusion_matrix(clips.y_true, clips.probability.argmax(axis=1))
    assert frame["count"].to_numpy().reshape(3, 3).tolist() == expected.tolist()
    assert frame["actual"].to_list() == np.repeat(CLASSES, 3).tolist()
    assert frame["predicted"].to_list() == list(CLASSES) * 3


def test_confusion_is_of_clips_of_votes_and_of_segments(tmp_path):
    """The first clip is rock by two votes of three, and jazz by its mean probability."""
    rock, sure = [0.1, 0.5, 0.4], [0.0, 0.0, 1.0]
    found = Predictions(
        track=np.array(["a", "a", "a", "b", "b", "b"]),
        segment=np.array([0, 1, 2, 0, 1, 2]),
        group=np.array(["a", "a", "a", "b", "b", "b"]),
        y_true=np.array([1, 1, 1, 2, 2, 2]),
        probability=np.array([rock, rock, sure, sure, sure, sure]),
        classes=CLASSES,
        train_shares=np.full(3, 1 / 3),
    )
    curves.write(found, tmp_path)
    tables = {path.stem: pl.read_csv(path) for path in tmp_path.glob("confusion*.csv")}
    counts = {name: table["count"].to_numpy().reshape(3, 3) for name, table in tables.items()}
    assert counts["confusion"].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert counts["confusion_votes"].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert counts["confusion_segments"].tolist() == [[0, 0, 0], [0, 2, 1], [0, 0, 3]]
    curves.write(found, tmp_path, vote_over=0.6)  # only the third segment is that sure
    votes = pl.read_csv(tmp_path / "confusion_votes.csv")["count"].to_numpy().reshape(3, 3)
    assert votes.tolist() == counts["confusion"].tolist()


def test_confusion_of_tags_has_four_cells_a_tag(rng):
    found = predictions(rng, multi_label=True)
    frame = curves.confusion(found.clips())
    clips = found.clips()
    expected = multilabel_confusion_matrix(clips.y_true, clips.probability >= 0.5)
    assert frame["count"].to_numpy().reshape(3, 2, 2).tolist() == expected.tolist()
    assert frame.select("actual", "predicted").is_unique().all()
    assert frame.row(3) == ("not rock: present", "present", expected[0, 1, 1])


@pytest.mark.parametrize("multi_label", [False, True])
def test_area_under_roc_is_its_score(rng, multi_label):
    found = predictions(rng, multi_label=multi_label)
    frame, clips = curves.roc(found), found.clips()
    areas = []
    for c, name in enumerate(CLASSES):
        fpr, tpr = curve(frame, name)
        areas.append(roc_auc_score(clips.truth[:, c], clips.probability[:, c]))
        assert auc(fpr, tpr) == pytest.approx(areas[-1], abs=1e-9)
        assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    fpr, tpr = curve(frame, "macro")
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert auc(fpr, tpr) == pytest.approx(np.mean(areas), abs=0.005)


def test_area_under_precision_recall_is_its_score(rng):
    found = predictions(rng, n=60)
    frame, clips = curves.precision_recall(found), found.clips()
    areas = []
    for c, name in enumerate(CLASSES):
        areas.append(average_precision_score(clips.truth[:, c], clips.probability[:, c]))
        assert step_area(*curve(frame, name)) == pytest.approx(areas[-1], abs=1e-9)
    assert step_area(*curve(frame, "macro")) == pytest.approx(np.mean(areas), abs=0.005)


def test_thinned_curves_keep_their_shape(rng):
    found = predictions(rng, n=6000, segments=1, skill=0.5)
    roc, pr = curves.roc(found), curves.precision_recall(found)
    for c, name in enumerate(CLASSES):
        truth, score = found.truth[:, c], found.probability[:, c]
        for frame, expected in (
            (roc, roc_auc_score(truth, score)),
            (pr, average_precision_score(truth, score)),
        ):
            x, y = curve(frame, name)
            assert 100 < len(x) <= 200
            assert (np.diff(x) >= 0).all()
            assert (x[0], x[-1]) == (0, 1)
            assert auc(x, y) == pytest.approx(expected, abs=0.005)


def test_perfect_predictions_touch_the_corners(rng):
    found = predictions(rng, skill=50.0)
    for name in (*CLASSES, "macro"):
        fpr, tpr = curve(curves.roc(found), name)
        assert ((fpr == 0) & (tpr == 1)).any()
        recall, precision = curve(curves.precision_recall(found), name)
        assert precision[recall == 1].max() == 1


def test_classes_without_a_curve_are_left_out():
    y_true = np.array([[True, False, True], [True, False, False]])
    found = Predictions(
        track=np.array(["x", "y"]),
        segment=np.zeros(2, int),
        group=np.array(["x", "y"]),
        y_true=y_true,
        probability=np.array([[0.9, 0.1, 0.8], [0.8, 0.2, 0.3]]),
        classes=CLASSES,
        train_shares=np.full(3, 0.5),
    )
    assert set(curves.roc(found)["class"]) == {"jazz", "macro"}
    assert set(curves.precision_recall(found)["class"]) == {"not rock", "jazz", "macro"}


def test_nothing_to_draw_still_has_its_columns(tmp_path):
    found = Predictions(
        track=np.array(["x"]),
        segment=np.array([0]),
        group=np.array(["x"]),
        y_true=np.zeros((1, 3), bool),
        probability=np.full((1, 3), 0.2),
        classes=CLASSES,
        train_shares=np.full(3, 0.5),
    )
    curves.write(found, tmp_path)
    assert (tmp_path / "roc.csv").read_text() == "fpr,tpr,class\n"
    assert (tmp_path / "pr.csv").read_text() == "recall,precision,class\n"


def test_writes_equal_bytes(rng, tmp_path):
    found = predictions(rng)
    for folder in ("one", "two"):
        curves.write(found, tmp_path / "new" / folder)
    files = sorted((tmp_path / "new" / "one").iterdir())
    assert [file.name for file in files] == [
        "confusion.csv",
        "confusion_segments.csv",
        "confusion_votes.csv",
        "pr.csv",
        "roc.csv",
    ]
    for file in files:
        assert file.read_bytes() == (tmp_path / "new" / "two" / file.name).read_bytes()
    assert files[-1].read_text().splitlines()[:2] == ["fpr,tpr,class", "0.000000,0.000000,not rock"]
    read = pl.read_csv(files[-1])
    assert read.shape == curves.roc(found).shape
