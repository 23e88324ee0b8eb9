"""Score the trained model on the test part."""

import json

from _start import run

from soundstage import checkpoints, paths, scoring, splits, tracks, views
from soundstage.audit import leaking
from soundstage.files import write_json
from soundstage.metrics import stored
from soundstage.params import Params
from soundstage.report import curves, offline


def main(params: Params) -> None:
    """Write predictions of the validation and the test part; metrics and plots of the test."""
    model, about = checkpoints.load(paths.CHECKPOINTS)
    view, parts = paths.VIEWS / f"{about.model}.parquet", splits.read(paths.SPLITS)
    scores, found, tuned = scoring.score(
        model, about, view, tracks.read(paths.TRACKS), parts, params.top.evaluation
    )
    leaks = leaking(json.loads(paths.LEAKAGE.read_text("utf-8")))
    warned = scores.get("warning", {}) | leaks
    named = {
        "model": about.model,
        "dataset": params.top.dataset,
        "split": parts.name,
        "target": views.read(view).about.target,
    }
    write_json(paths.TEST, named | scores | ({"warning": warned} if warned else {}))
    stored.write(
        found,
        stored.About(
            **named,
            classes=about.classes,
            train_shares=about.train_shares,
            thresholds=None if tuned is None else tuned.tolist(),
            warning=warned,
        ),
        paths.PREDICTIONS,
    )
    curves.write(found["test"], paths.PLOTS, vote_over=params.top.evaluation.vote_over)
    offline.write_bundle(paths.kept() / "vega.js")


if __name__ == "__main__":
    run(main)
