"""Every system of every paper on demo30, as printed and honest: docs/results.md.

One seed, few epochs: it shows that the machinery works, and is no reproduction of a paper. The
features are built once in a project of its own under .soundstage/papers; a killed run goes on where
it was. The scores are kept in papers/results. About 90 minutes on two cores.

    python benchmarks/papers.py [KEY ...]
"""

import argparse
import contextlib
from pathlib import Path

from project import SOURCE, Project

from soundstage.files import whole_or_not_at_all
from soundstage.papers import definition, results
from soundstage.papers.report import cell
from soundstage.papers.session import do

DATASET = "demo30"
BUILT = ("split", "decode", "features")  # what all models read; their views are made by each run
EPOCHS = 10
# Those of the systems that two cores cannot train for ten in a few minutes.
FEWER = {
    "cnn1d": 1,
    "crnn1d_rnn": 1,
    "crnn1d_lstm": 1,
    "crnn1d_gru": 1,
    "cnn1d_chunk": 2,
    "wave_cnn": 1,
    "mel_rescnn": 1,
    "wave_mel_cnn": 1,
    "crnn_30s": 2,
    "crnn_15s": 2,
    "crnn_10s": 2,
    "crnn_5s": 2,
    "crnn_3s": 2,
    "crnn_1s": 2,
}
SCORES = {
    "genre": {"clip.accuracy": "accuracy", "clip.f1_macro": "macro F1"},
    "tags": {"clip.roc_auc": "ROC-AUC", "clip.average_precision": "average precision"},
}
HEAD = f"""\
# Results: every system of the papers on {DATASET}

Written by `python benchmarks/papers.py`: 60 clips of 30 s that are rendered from scores, one seed,
and for networks the number of epochs that the table says. It shows that every system runs under
both protocols; it says nothing about the papers' numbers, which [papers.md](papers.md) has. In
brackets the 95 % bootstrap interval over groups; with as few clips to test on as here, that of an
average precision lies high, since a resample has some clips twice, and may leave the score out.
"""


def project() -> Project:
    """Return a project of its own whose store holds the data set and all features."""
    root = SOURCE / ".soundstage" / "papers" / "project"
    if not root.exists():
        made = Project.on(root.with_name("new"), Path("unused"), clips_per_shard=16, kept={})
        made.replace("dataset: folder ", f"dataset: {DATASET} ")
        (made.root / "papers").symlink_to(SOURCE / "papers")
        made.commit("start")
        made.root.rename(root)
    return Project(root)


def lines(key: str) -> list[str]:
    """Return the lines of a paper's table."""
    paper = definition.load(key)
    scores = SCORES[str(paper.params["target"])]
    found = results.read(key, DATASET)
    titles = [f"{p}: {name}" for p in ("as printed", "honest") for name in scores.values()]
    rows = ["", f"## {key}: {paper.title}", "", f"| system | {' | '.join(titles)} |"]
    rows.append(f"|---|{'---|' * len(titles)}")
    for system in dict.fromkeys(result.system for result in found):
        cells = []
        for protocol in ("as_printed", "honest"):
            runs = [r for r in found if (r.system, r.protocol) == (system, protocol)]
            cells += [cell(runs, name) for name in scores]
        rows.append(f"| {system} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Build the store, do the runs, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("keys", nargs="*", default=definition.names(), metavar="KEY")
    here = project()
    print(here.run("dvc", "repro", *BUILT))
    for key in parser.parse_args().keys:
        systems = [n for n, system in definition.load(key).systems.items() if system.printed]
        for epochs in sorted({*FEWER.values(), EPOCHS}):
            chosen = [name for name in systems if FEWER.get(name, EPOCHS) == epochs]
            if chosen:
                with contextlib.chdir(here.root):
                    do(
                        key,
                        systems=chosen,
                        protocols=["as_printed", "honest"],
                        dataset=DATASET,
                        values=[0],
                        settings=[f"training.epochs={epochs}"],
                        direct=True,
                    )
    with whole_or_not_at_all(Path("docs/results.md")) as temporary:
        page = [HEAD.rstrip(), *(line for key in definition.names() for line in lines(key))]
        temporary.write_text("\n".join(page) + "\n", "utf-8")


if __name__ == "__main__":
    main()
