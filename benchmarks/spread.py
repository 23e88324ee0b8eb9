"""How far the default model's scores move by chance alone: what the gate must tolerate.

Trains the model of params.yaml with ten seeds, with one math thread instead of all (another order
of sums, as another machine has), and on shuffled labels (what the gate must catch). Needs the
store and the views: run `dvc repro` first. Writes docs/spread.json, from which params.yaml's
tolerances are taken: one and a half times the range over the seeds.

    python benchmarks/spread.py
"""

import json
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from soundstage import params, paths, scoring, views
from soundstage.evaluation import evaluate
from soundstage.files import write_json
from soundstage.fitting import fit
from soundstage.loading import Segments
from soundstage.params import Params

SEEDS = range(10)
KEYS = ("accuracy", "f1_macro", "roc_auc", "average_precision")
MARGIN = 1.5


def score(parameters: Params, view: Path, seed: int) -> dict[str, float]:
    """Train and test once; return the clip-level scores."""
    with tempfile.TemporaryDirectory() as curves:
        component = parameters.models[parameters.top.model]
        model, about = fit(component, view, seed=seed, curves=Path(curves))
    found = scoring.predictions(model, about, Segments(view, "test"))
    clip = evaluate(found, **parameters.top.evaluation.model_dump())["clip"]
    print(f"seed {seed}:", {key: clip[key] for key in KEYS}, flush=True)
    return {key: clip[key] for key in KEYS}


def shuffled(view: Path, seed: int) -> Path:
    """Write a view whose training and validation clips have each other's labels."""
    read = views.read(view)
    held_out = pl.col("part") == "test"
    learnt = read.rows.filter(~held_out)
    clips = learnt.unique("track", keep="first", maintain_order=True).select("track", "target")
    order = np.random.default_rng(seed).permutation(len(clips))
    clips = clips.with_columns(target=clips["target"][order])
    rows = learnt.drop("target").join(clips, on="track", maintain_order="left")
    mixed = pl.concat([rows.select(read.rows.columns), read.rows.filter(held_out)])
    path = view.with_name("shuffled.parquet")
    views.write(views.View(read.about, mixed), path)
    return path


def main() -> None:
    """Measure and write docs/spread.json."""
    parameters = params.load()
    view = paths.VIEWS / f"{parameters.top.model}.parquet"
    seeds = {str(seed): score(parameters, view, seed) for seed in SEEDS}
    mixed = shuffled(view, seed=0)
    labels = score(parameters, mixed, 0)
    mixed.unlink()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    one_thread = score(parameters, view, 0)

    values = {key: [found[key] for found in seeds.values()] for key in KEYS}
    spread: dict[str, Any] = {
        "model": parameters.top.model,
        "dataset": parameters.top.dataset,
        "machine": f"{platform.machine()}, {threads} threads, torch {torch.__version__}",
        "seeds": seeds,
        "one_thread": one_thread,
        "shuffled_labels": labels,
        "mean": {key: round(float(np.mean(v)), 6) for key, v in values.items()},
        "sd": {key: round(float(np.std(v, ddof=1)), 6) for key, v in values.items()},
        "range": {key: round(max(v) - min(v), 6) for key, v in values.items()},
        "tolerance": {key: round(MARGIN * (max(v) - min(v)), 3) for key, v in values.items()},
    }
    write_json(Path("docs/spread.json"), spread)
    print(json.dumps({key: spread[key] for key in ("mean", "sd", "range", "tolerance")}, indent=1))


if __name__ == "__main__":
    main()
