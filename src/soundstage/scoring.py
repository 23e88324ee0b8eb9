"""From a checkpoint to the test's numbers: one path for every model."""

from typing import Any

import numpy as np
import polars as pl

from soundstage import checkpoints
from soundstage.errors import SoundstageError
from soundstage.evaluation import Predictions
from soundstage.loading import Segments
from soundstage.views import labelled


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


def table(found: Predictions) -> pl.DataFrame:
    """Return predictions as a table: a row a segment, a column of probability a class."""
    return pl.DataFrame(
        {"track": found.track, "segment": found.segment, "group": found.group}
        | {"target": found.y_true.tolist()}
        | {f"p_{name}": found.probability[:, i] for i, name in enumerate(found.classes)}
    )


def counts(
    tracks: pl.DataFrame, parts: pl.DataFrame, segments: Segments, found: Predictions
) -> dict[str, int]:
    """Account for every track of the part that was scored.

    Returns
    -------
    n_listed (labelled tracks in the part), n_quarantined (those that cannot be read), n_expected
    (the difference) and n_scored, which equals it.

    Raises
    ------
    SoundstageError
        A track that can be read has no score, or more tracks were scored than can be read.
    """
    view = segments.view
    listed = labelled(tracks, view.about.target).join(parts.filter(part=segments.part), on="track")
    quarantined = view.rows.filter(pl.col("reason").is_not_null(), part=segments.part)
    expected = set(listed["track"]) - set(quarantined["track"])
    scored = set(found.track.tolist())
    if scored != expected:
        raise SoundstageError(
            f"{len(scored)} clips were scored and {len(expected)} expected; the view is not of "
            f"this split: run `dvc repro`. Differing: {', '.join(sorted(scored ^ expected)[:5])}"
        )
    return {
        "n_listed": len(listed),
        "n_quarantined": quarantined["track"].n_unique(),
        "n_expected": len(expected),
        "n_scored": len(scored),
    }
