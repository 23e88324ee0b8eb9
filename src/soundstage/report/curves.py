"""Plot data of a model's predictions, as flat tables for ``dvc plots``.

Curves are of clips, confusion is of clips, of votes and of segments: papers print either.

The charts are drawn by ``.dvc/plots/confusion.json`` and ``.dvc/plots/curves.json``: DVC's own
line template smooths curves and has no colour a class, and its confusion template counts rows,
which for tags would be one row a clip and tag.
"""

from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import precision_recall_curve, roc_curve

from soundstage.metrics.predictions import Predictions

MAX_POINTS = 200  # a curve
MACRO = "macro"  # name of the mean curve
GRID = np.linspace(0, 1, 101)  # where curves are averaged


def confusion(found: Predictions) -> pl.DataFrame:
    """Columns actual, predicted (str), count (int): how many rows fall into each cell.

    Single-label: C x C cells, zeros included. Multi-label: four cells a tag: the rows that
    carry it ("rock: present") and those that do not ("rock: absent"), by what was predicted.
    """
    rows: list[tuple[str, str, int]] = []
    for name, truth, chosen in zip(found.classes, found.truth.T, found.chosen.T, strict=True):
        if found.multi_label:
            for actual, carries in ((f"{name}: absent", ~truth), (f"{name}: present", truth)):
                rows.append((actual, "absent", (carries & ~chosen).sum()))
                rows.append((actual, "present", (carries & chosen).sum()))
        else:
            counts = found.chosen[truth].sum(axis=0)
            rows += [(name, *cell) for cell in zip(found.classes, counts, strict=True)]
    schema = {"actual": pl.String, "predicted": pl.String, "count": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def roc(predictions: Predictions) -> pl.DataFrame:
    """Columns fpr, tpr (float), class (str): each class against the rest, at most 200 points.

    Class "macro" is the mean true positive rate of the classes at equal false positive rates
    (none is drawn where no class has a curve). Classes without positives or negatives are left
    out, as in ``evaluation``.
    """
    clips, curves, grids = predictions.clips(), {}, []
    for name, y, score in _columns(clips):
        if y.any() and not y.all():
            fpr, tpr, _ = roc_curve(y, score)
            curves[name] = _thinned(fpr, tpr)
            grids.append(np.interp(GRID, fpr, tpr))
    if grids:
        # A curve rises vertically at its start; the mean is drawn from the origin too.
        curves[MACRO] = np.r_[0, GRID], np.r_[0, np.mean(grids, axis=0)]
    return _frame(curves, "fpr", "tpr")


def precision_recall(predictions: Predictions) -> pl.DataFrame:
    """Columns recall, precision (float), class (str): each class, at most 200 points.

    Class "macro" is the mean precision of the classes at equal recalls; a class's precision at a
    recall is that of the highest threshold that reaches it, as in average precision. Classes
    without positives are left out.
    """
    clips, curves, grids = predictions.clips(), {}, []
    for name, y, score in _columns(clips):
        if y.any():
            precision, recall, _ = precision_recall_curve(y, score)
            precision, recall = precision[::-1], recall[::-1]  # from the highest threshold on
            curves[name] = _thinned(recall, precision)
            grids.append(precision[np.searchsorted(recall, GRID)])
    if grids:
        curves[MACRO] = GRID, np.mean(grids, axis=0)
    return _frame(curves, "recall", "precision")


def write(predictions: Predictions, folder: Path, *, vote_over: float = 0.0) -> None:
    """Write roc.csv and pr.csv of clips, and confusion.csv, with _votes and _segments beside it.

    Equal predictions give equal bytes. `vote_over`: see `Predictions.votes`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in {
        "confusion": confusion(predictions.clips()),
        "confusion_votes": confusion(predictions.votes(over=vote_over)),
        "confusion_segments": confusion(predictions),
        "roc": roc(predictions),
        "pr": precision_recall(predictions),
    }.items():
        frame.write_csv(folder / f"{name}.csv", float_precision=6)


def _columns(clips: Predictions) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, truth (n,) and probability (n,) of each class."""
    return list(zip(clips.classes, clips.truth.T, clips.probability.T, strict=True))


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most MAX_POINTS of a curve's points, evenly spaced along its length, ends kept."""
    if len(x) <= MAX_POINTS:
        return x, y
    along = np.r_[0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))]
    kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], MAX_POINTS)))
    return x[kept], y[kept]


def _frame(curves: dict[str, tuple[np.ndarray, np.ndarray]], x: str, y: str) -> pl.DataFrame:
    empty = pl.DataFrame(schema={x: pl.Float64, y: pl.Float64, "class": pl.String})
    return pl.concat(
        [
            empty,
            *(
                pl.DataFrame({x: a, y: b}).with_columns(pl.lit(name).alias("class"))
                for name, (a, b) in curves.items()
            ),
        ]
    )
