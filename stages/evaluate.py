"""Score the trained model on the test part."""

import polars as pl
from _start import run

from soundstage import checkpoints, paths, scoring, tracks
from soundstage.evaluation import evaluate
from soundstage.files import whole_or_not_at_all, write_json
from soundstage.loading import Segments
from soundstage.params import Params
from soundstage.report import curves, offline


def main(params: Params) -> None:
    """Write predictions, metrics and plots."""
    top = params.top
    model, about = checkpoints.load(paths.CHECKPOINTS)
    segments = Segments(paths.VIEWS / f"{about.model}.parquet", "test")
    found = scoring.predictions(model, about, segments)
    named = {"dataset": top.dataset, "split": top.split.name, "target": top.target}
    listed = tracks.read(paths.TRACKS), pl.read_parquet(paths.SPLITS)
    write_json(
        paths.TEST,
        {"model": about.model}
        | named
        | scoring.counts(*listed, segments, found)
        | evaluate(found, **top.evaluation.model_dump()),
    )
    with whole_or_not_at_all(paths.PREDICTIONS) as temporary:
        scoring.table(found).write_parquet(temporary)
    curves.write(found, paths.PLOTS)
    offline.write_bundle(paths.kept() / "vega.js")


if __name__ == "__main__":
    run(main)
