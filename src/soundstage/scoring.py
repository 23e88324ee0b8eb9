"""From a checkpoint to the test's numbers: one path for every model."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from soundstage import checkpoints, diagnostics, presence
from soundstage.errors import SoundstageError
from soundstage.estimators import Estimator
from soundstage.evaluation import evaluate
from soundstage.loading import Segments
from soundstage.metrics import thresholds
from soundstage.metrics.predictions import Predictions
from soundstage.params import Evaluation
from soundstage.splits import BY_SEGMENT, Parts
from soundstage.views import View, labelled


def score(
    model: Any,
    about: checkpoints.About,
    view: Path,
    tracks: pl.DataFrame,
    parts: Parts,
    evaluation: Evaluation,
) -> tuple[dict[str, Any], dict[str, Predictions], np.ndarray | None]:
    """Score a trained model on the test part of its view.

    Returns
    -------
    The content of `metrics/test.json` but for the run's names; the predictions of the test and,
    if there is one, the validation part; the thresholds of tags, tuned on the latter where it
    shares no clip with the test.
    """
    segments = Segments(view, "test")
    found, tuned = {"test": predictions(model, about, segments)}, None
    if len(segments.view.part("valid")):
        found["valid"] = predictions(model, about, Segments(view, "valid"))
        apart = not set(found["valid"].track.tolist()) & set(found["test"].track.tolist())
        tuned = thresholds.tuned(found["valid"].clips()) if about.multilabel and apart else None
    counted: dict[str, Any] = counts(tracks, parts, segments, found["test"])
    heard = segments.view.about.heard.get("test", 1.0)
    counted |= {"heard": heard} if heard < 1 else {}
    if touching := warnings(segments.view, model):
        counted["warning"] = touching
    scores = evaluate(found["test"], thresholds=tuned, **evaluation.model_dump())
    return counted | scores, found, tuned


def warnings(view: View, model: Any) -> dict[str, int]:
    """Count what touches the scores, by code of `diagnostics.WARNINGS`.

    That is what the model hears of its clips, which classes a part lacks, as far as its clips can
    be read, and what of the test the model has met in training.
    """
    names = view.about.classes
    readable = view.rows.filter(pl.col("reason").is_null())
    rows = readable.unique(["track", "part"], maintain_order=True).select(
        "track",
        "group",
        "part",
        labels=pl.col("target").list.eval(pl.element().replace_strict(dict(enumerate(names)))),
    )
    lacking = diagnostics.table(presence.lacking(rows, names))
    torn = set(view.part("test")["track"]) & set(view.part("train")["track"])
    saw_test = isinstance(model, Estimator) and model.scaled_on_all
    leaks = {
        "torn_clip": len(torn),
        "scaled_on_test": len(view.part("test")) if saw_test else 0,
    }
    found = {**view.about.warnings, **diagnostics.counts(lacking), **leaks}
    return {code: n for code, n in found.items() if n}


def predictions(model: Any, about: checkpoints.About, segments: Segments) -> Predictions:
    """Return a model's probabilities for some segments, beside the truth."""
    rows, target = segments.rows, segments.targets
    return Predictions(
        track=rows["track"].to_numpy().astype(str),
        segment=rows["segment"].to_numpy(),
        group=rows["group"].to_numpy().astype(str),
        y_true=target.astype(bool) if about.multilabel else target,
        probability=checkpoints.predict(model, segments),
        classes=tuple(about.classes),
        train_shares=np.array(about.train_shares),
    )


def counts(
    tracks: pl.DataFrame, parts: Parts, segments: Segments, found: Predictions
) -> dict[str, int]:
    """Account for every track of the part that was scored.

    A track may be in several parts: as a whole, where the test clips validate too, or with some
    of its segments, where those are dealt one by one. It counts in each.

    Returns
    -------
    n_listed (labelled tracks in the part), n_quarantined (those that cannot be read), n_expected
    (the difference) and n_scored, which equals it.

    Raises
    ------
    SoundstageError
        A track that can be read has no score, or more tracks were scored than can be read.
    """
    view, part = segments.view, segments.part
    known = labelled(tracks, view.about.target).join(parts.table, on="track")
    dealt = set(known.filter(part=BY_SEGMENT)["track"])
    here = view.rows.filter(part=part)
    # Of a track dealt by segment, only the view knows whether the part has any of it; but one of
    # which no part has any is lost, and expected here.
    elsewhere = set(view.rows["track"]) - set(here["track"])
    listed = set(known.filter(part=part)["track"]) | (dealt - elsewhere)
    quarantined = listed & set(here.filter(pl.col("reason").is_not_null())["track"])
    expected = listed - quarantined
    scored = set(found.track.tolist())
    if scored != expected:
        raise SoundstageError(
            f"{len(scored)} clips were scored and {len(expected)} expected; the view is not of "
            f"this split: run `dvc repro`. Differing: {', '.join(sorted(scored ^ expected)[:5])}"
        )
    return {
        "n_listed": len(listed),
        "n_quarantined": len(quarantined),
        "n_expected": len(expected),
        "n_scored": len(scored),
    }
