"""Every system of every paper on demo30, and what leaks are worth there: docs/results.md.

All systems are trained as printed, the costly ones on few clips for two epochs, which shows that
they run. The quick ones are trained in full, several times, as printed and honestly, and tested on
fresh clips too. Two projects of their own under .soundstage/papers hold the clips and features. A
killed run goes on where it was: each trial is a file there. Two to three hours on two cores.

    python benchmarks/papers.py [--only SYSTEM ...] [--limit TRIALS]
"""

import argparse
import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from project import FILES, SOURCE, Project
from results_page import page
from tqdm import tqdm
from trial import Place, trial

from soundstage import fingerprint, fitting, params, registry
from soundstage.files import whole_or_not_at_all, write_json
from soundstage.papers import definition
from soundstage.papers.runs import Run, runs
from soundstage.params import Component
from soundstage.store.read import Feature

HERE = SOURCE / ".soundstage" / "papers"
MAIN, FRESH = "demo30", "demo30_fresh"
DRAWS = range(5)  # seeds of split and training
OF_NETWORKS = range(2)  # that take minutes
# What two cores train in full, several times: models whose input is a table or a slice's MFCCs.
QUICK = {"librosa_stats", "librosa_stats_slices", "tzanetakis_slices", "mfcc"}
FEW = {"clips_per_style": 8, "epochs": 2}  # for all others


def project(dataset: str) -> Project:
    """Return a project of its own on a data set, with this checkout's code."""
    root = HERE / dataset
    if not root.exists():
        shutil.rmtree(root.with_name("new"), ignore_errors=True)
        made = Project.on(root.with_name("new"), Path("unused"), clips_per_shard=16, kept={})
        made.root.rename(root)
    here = Project(root)
    for name in FILES:
        if (SOURCE / name).is_dir():
            shutil.rmtree(root / name)
            shutil.copytree(SOURCE / name, root / name)
        else:
            shutil.copy(SOURCE / name, root / name)
    here.replace("dataset: demo ", f"dataset: {dataset} ")
    return here


def wanted() -> Iterator[tuple[Run, Component]]:
    """Yield all runs and their models: first all systems as printed, then more draws of some."""
    for draw, key in itertools.product(DRAWS, definition.names()):
        paper = definition.load(key)
        for run in runs(
            key,
            paper,
            systems=[name for name, system in paper.systems.items() if system.printed],
            protocols=["as_printed", "honest"],
            dataset=MAIN,
            values=[draw],
            extra={"split.seed": draw},
        ):
            changed = params.load(changes=run.parameters)
            model = changed.models[changed.top.model]
            if model.input in QUICK:
                if draw in (OF_NETWORKS if model.training else DRAWS):
                    yield run, model
            elif draw == DRAWS[0] and run.protocol == "as_printed":
                epochs = {f"models.{model.name}.training.epochs": FEW["epochs"]}
                yield replace(run, overrides={**run.overrides, **epochs}), model


def file(run: Run, model: Component, store: Path) -> Path:
    """Return where a trial is kept; its name says all that shapes it."""
    folder = store / model.input
    built = Feature(folder).index["fingerprint"] if folder.exists() else ""
    files = (registry.source_file("models", model.kind), Path(fitting.__file__))
    code = [fingerprint.code_digest(file) for file in files]
    shapes = [run.parameters, built, code, repr(model)]
    return HERE / "trials" / f"{run.name}-{fingerprint.digest(shapes)[:8]}.json"


def build(here: Project, inputs: set[str]) -> None:
    """Build the table of tracks, what models read of a data set, and what the audit reads."""
    features = params.load().features
    stages = [f"{'features' if name in features else 'decode'}@{name}" for name in sorted(inputs)]
    process = here.start("dvc", "repro", "index", *stages)
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(said)


def main() -> None:
    """Build the stores, do the trials that are not there yet, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=[], metavar="SYSTEM")
    parser.add_argument("--limit", type=int, metavar="TRIALS")
    said = parser.parse_args()
    every = list(wanted())
    chosen = [(run, model) for run, model in every if not said.only or run.system in said.only]
    inputs = {model.input for _, model in chosen}
    main_project, fresh_project = project(MAIN), project(FRESH)
    build(main_project, {"landmarks", *inputs})
    build(fresh_project, inputs & QUICK)
    here, fresh = Place(main_project.root, MAIN), Place(fresh_project.root, FRESH)
    files = {file(run, model, here.store): (run, model) for run, model in chosen}
    left = {path: of for path, of in files.items() if not path.exists()}
    with tqdm(total=len(files), initial=len(files) - len(left), unit="trial") as bar:
        for path, (run, model) in itertools.islice(left.items(), said.limit):
            if model.input in QUICK:
                found = trial(run, here, fresh)
            else:
                found = trial(run, here, clips_per_style=FEW["clips_per_style"])
            write_json(path, found)
            bar.update()
    there = (path for of in every if (path := file(*of, here.store)).exists())
    done = [json.loads(path.read_text("utf-8")) for path in there]
    with whole_or_not_at_all(Path("docs/results.md")) as temporary:
        temporary.write_text("\n".join(page(done, here, fresh)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
