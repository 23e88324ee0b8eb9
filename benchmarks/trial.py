"""One run of a paper's system on `demo30`: what it costs, and on which clips it is right.

As `soundstage papers run --direct` does it, but the trained model also answers the fresh clips of
`demo30_fresh`, and of each test clip it is known what of it trains too.
"""

import tempfile
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from soundstage import fingerprint, fitting, params, paths, registry, scoring, splits, tracks, views
from soundstage.datasets import demo30
from soundstage.loading import Segments
from soundstage.metrics.predictions import Predictions
from soundstage.papers.runs import Run
from soundstage.params import Params
from soundstage.splits import Parts
from soundstage.store.read import Feature

COPIES = ("repeated", "reencoded", "instruments")
SEGMENTS = "segments"  # of the test clip itself train


class Place:
    """A project with a data set: its tracks, what is planted in them, and its store."""

    def __init__(self, root: Path, dataset: str) -> None:
        self.store = root / paths.STORE
        self._root, self._raw = root, root / "data" / "raw" / dataset

    @cached_property
    def tracks(self) -> pl.DataFrame:
        """The table of tracks."""
        return tracks.read(self._root / paths.TRACKS)

    @cached_property
    def planted(self) -> pl.DataFrame:
        """What is planted in them, see `demo30.planted`."""
        return demo30.planted(self._raw)


def trial(
    run: Run, main: Place, fresh: Place | None = None, clips_per_style: int | None = None
) -> dict[str, Any]:
    """Train and, if there is a place of fresh clips, test; `clips_per_style`: only so many.

    Returns
    -------
    What shapes the result, what it cost, and of the test and the fresh clips a row each: unit (what
    depends on each other), right, and of test clips `leak`, see `leaks`, and mislabelled.
    """
    changed = params.load(changes=run.parameters)
    table = main.tracks
    if clips_per_style:
        table = table.group_by("genre", maintain_order=True).head(clips_per_style)
    name, dealt = splits.split(table, changed.top.split, honest=demo30.HONEST)
    with tempfile.TemporaryDirectory() as temporary:
        parts = Parts(name, changed.top.split, dealt)
        view = _view(changed, main, table, parts, Path(temporary) / "main")
        start = time.perf_counter()
        component = changed.models[changed.top.model]
        model, about = fitting.fit(
            component, view, seed=changed.top.seed, curves=Path(temporary) / "curves"
        )
        seconds = time.perf_counter() - start
        train = Segments(view, "train")
        found = {
            **_names(run),
            "split": name,
            "input_shape": list(about.input_shape),
            "clips": train.rows["track"].n_unique(),
            "seconds": round(seconds, 3),
        }
        if component.training:
            losses = _losses(Path(temporary) / "curves")
            steps = len(losses) * -(-len(train) // component.training.batch_size)
            found |= {
                "weights": sum(weight.numel() for weight in model.parameters()),
                "epochs": len(losses),
                "losses": [losses[0], losses[-1]],
                "seconds_a_step": round(seconds / steps, 4),
            }
        if fresh is None:
            return found
        test = scoring.predictions(model, about, Segments(view, "test"))
        # In training too, for the shape of the input, of a model that is trained already.
        both = pl.concat(fresh.tracks.select("track", part=pl.lit(p)) for p in ("train", "test"))
        parts = Parts("fresh", changed.top.split, both)
        view = _view(changed, fresh, fresh.tracks, parts, Path(temporary) / "fresh")
        unseen = scoring.predictions(model, about, Segments(view, "test"))
    leak = leaks(table, main.planted, set(train.rows["track"]))
    wrong = main.planted.filter(kind="mislabelled")["track"]
    units = table.select(
        "track",
        unit="group",
        leak=pl.col("track").replace_strict(leak, default=""),
        mislabelled=pl.col("track").is_in(wrong.implode()),
    )
    rows = _right(test).join(units, on="track")
    true = _right(unseen).join(fresh.tracks.select("track", unit="group"), on="track")
    return found | {
        "test": rows.drop("track").to_dict(as_series=False),
        "fresh": true.drop("track").to_dict(as_series=False),
    }


def leaks(table: pl.DataFrame, planted: pl.DataFrame, train: set[str]) -> dict[str, str]:
    """Return of each track what of it trains too, where anything does.

    That is `SEGMENTS`, if it trains itself; one of `COPIES`, if its copy or what it is a copy of
    does; or `artist`.
    """
    found: dict[str, str] = {}
    of = planted.filter(kind="artist")
    pairs = {"artist": of.join(of, on="other").select("track", "track_right").rows()}
    pairs |= {kind: planted.filter(kind=kind).select("track", "other").rows() for kind in COPIES}
    for kind, tied in pairs.items():
        both = [*tied, *((b, a) for a, b in tied)]
        found |= {a: kind for a, b in both if a != b and b in train}
    return found | dict.fromkeys(train & set(table["track"]), SEGMENTS)


def _names(run: Run) -> dict[str, Any]:
    names = {"paper": run.paper, "system": run.system, "protocol": run.protocol}
    return names | {"draw": run.value, "parameters": run.parameters}


def _view(changed: Params, place: Place, table: pl.DataFrame, parts: Parts, folder: Path) -> Path:
    """Write the model's view of some tracks beside a link to their store."""
    top, model = changed.top, changed.models[changed.top.model]
    folder.mkdir()
    (folder / "store").symlink_to(place.store)
    path = folder / "views" / f"{model.name}.parquet"
    path.parent.mkdir()
    code = fingerprint.code_digest(registry.source_file("models", model.kind))
    feature = Feature(place.store / model.input)
    view = views.build(
        table, parts, feature, model=model.name, target=top.target, code=code,
        segment=model.segment, cut=top.cut,
    )  # fmt: skip
    views.write(view, path)
    return path


def _losses(curves: Path) -> list[float]:
    """Read the training losses of a network, one an epoch."""
    (file,) = curves.rglob("loss/train.tsv")
    return pl.read_csv(file, separator="\t")["train"].to_list()


def _right(found: Predictions) -> pl.DataFrame:
    clips = found.clips()
    right = clips.chosen.argmax(axis=1) == clips.y_true
    return pl.DataFrame({"track": clips.track.tolist(), "right": right})
