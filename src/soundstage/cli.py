"""The command line: `soundstage --help`.

A command imports what it needs when it runs, so that Ctrl-C is one line while it does.
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from soundstage import interrupts, paths, terminal
from soundstage.errors import SoundstageError

if TYPE_CHECKING:
    from soundstage.params import Params


def _params() -> "Params":
    from soundstage import params

    return params.load()


def _show(_arguments: argparse.Namespace) -> int:
    from soundstage.report.table import table

    if not paths.TEST.exists():
        raise SoundstageError(f"{paths.TEST}: no such file; run `dvc repro` first")
    print(table(json.loads(paths.TEST.read_text("utf-8"))))
    return 0


def _gate(arguments: argparse.Namespace) -> int:
    from soundstage.gate import gate

    return gate(Path(), arguments.rev, _params().top.gate)


def _compare(arguments: argparse.Namespace) -> int:
    from soundstage.comparison import report

    evaluation = _params().top.evaluation
    runs = arguments.first, arguments.second
    print(report(*runs, n_resamples=evaluation.n_bootstrap, seed=evaluation.seed))
    return 0


def _quarantine(_arguments: argparse.Namespace) -> int:
    from soundstage.upkeep.quarantine import quarantine

    print("\n".join(quarantine()))
    return 0


def _warnings(arguments: argparse.Namespace) -> int:
    from soundstage.upkeep.warnings import warnings

    print("\n".join(warnings(at_most=None if arguments.all else 10)))
    return 0


def _store(_arguments: argparse.Namespace) -> int:
    from soundstage.upkeep.overview import overview

    print(overview(_params()))
    return 0


def _why(arguments: argparse.Namespace) -> int:
    from soundstage.upkeep.why import why

    print("\n".join(why(_params(), arguments.track, arguments.feature)))
    return 0


def _verify(_arguments: argparse.Namespace) -> int:
    from soundstage.upkeep.verify import verify

    _params()  # says where to run, if not here
    report = verify()
    print("\n".join(report.lines()))
    return 0 if report.intact else 1


def _repair(_arguments: argparse.Namespace) -> int:
    from soundstage.upkeep.repair import repair
    from soundstage.upkeep.verify import verify

    report = verify()
    if report.intact:
        print("\n".join(report.lines()))
        return 0
    print("\n".join(repair(_params(), report)))
    after = verify()
    print("\n".join(after.lines()))
    return 0 if after.intact else 1


def _gc(arguments: argparse.Namespace) -> int:
    from soundstage.upkeep.clean import remove, said, unneeded

    found, revisions = unneeded(_params())
    print(said(found, revisions))
    if found and not arguments.dry_run:
        if not arguments.yes and not sys.stdin.isatty():
            raise SoundstageError("nobody is here to ask; say --yes or --dry-run")
        if not arguments.yes and input("remove them? [y/N] ").strip().lower() not in {"y", "yes"}:
            return 1
        remove(found)
    return 0


def _papers_list(_arguments: argparse.Namespace) -> int:
    from soundstage.papers import definition

    for key in definition.names():
        paper = definition.load(key)
        print(f"{key}  {paper.title}\n     on {paper.dataset}, {', '.join(paper.protocols)}:")
        print("     " + ", ".join(paper.systems))
    return 0


def _papers_run(arguments: argparse.Namespace) -> int:
    from soundstage.papers.session import do

    do(
        arguments.key,
        systems=arguments.system,
        protocols=arguments.protocol,
        dataset=arguments.dataset,
        values=arguments.seeds,
        settings=arguments.set,
        queue=arguments.queue,
        direct=arguments.direct,
        again=arguments.again,
    )
    return 0


def _papers_table(arguments: argparse.Namespace) -> int:
    from soundstage.papers import definition, report

    if arguments.key:
        print("\n".join(report.table(arguments.key, definition.load(arguments.key))))
    else:
        print("\n".join(report.page()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="soundstage",
        description="Offline audio feature store and DVC pipeline. The pipeline itself is run by "
        "DVC: `dvc repro` builds everything, `dvc exp run -S model=cnn1d evaluate` tries a model.",
        epilog="Run in the project's folder. Exit code 1: an error, said in one line.",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    show = commands.add_parser("show", help="print the scores of the last run, with intervals")
    show.set_defaults(run=_show)

    closing = commands.add_parser(
        "gate",
        help="compare the metrics with another commit's: exit 0 pass, 1 regression, 2 cannot tell",
        description="Compare the workspace's metrics with those of another commit, under the "
        "rules of params.yaml's section `gate`: a direction and a tolerance a key. A missing, "
        "broken, empty or NaN metric fails.",
        epilog="Exit code 0: pass. 1: a metric got worse, or is broken. 2: cannot tell.",
    )
    closing.add_argument("rev", nargs="?", default="main", metavar="REV", help="default: main")
    closing.set_defaults(run=_gate)

    pair = commands.add_parser(
        "compare",
        help="test whether one run is better than another on the same test clips",
        description="Compare the stored predictions of two runs clip by clip: the difference of "
        "each score with a paired bootstrap interval and a paired permutation test over groups, "
        "and for genres McNemar's exact test.",
    )
    for name in ("first", "second"):
        pair.add_argument(
            name,
            metavar="RUN",
            help="an experiment, a commit, `workspace`, or a file of predictions",
        )
    pair.set_defaults(run=_compare)

    listing = commands.add_parser(
        "store", help="list waveforms and features: clips, size, fingerprint, whether up to date"
    )
    listing.set_defaults(run=_store)

    commands.add_parser(
        "quarantine", help="list the files that give no audio, by reason, and what to do"
    ).set_defaults(run=_quarantine)

    telling = commands.add_parser(
        "warnings",
        help="list all that was found of files, labels, split and recordings, and what to do",
        description="List the files that give no audio, then every warning of the stages fetch, "
        "index, decode, split and audit, grouped by its code, each with what it means and what to "
        "do. The same as tables: data/warnings/*.parquet and data/quarantine/*.parquet.",
    )
    telling.add_argument("--all", action="store_true", help="name every file, not ten of a kind")
    telling.set_defaults(run=_warnings)

    reason = commands.add_parser(
        "why", help="say which byte, parameter, code or library makes a track's rows stale"
    )
    reason.add_argument("track", metavar="TRACK", help="a track's name, e.g. reel.00000")
    reason.add_argument("feature", nargs="?", metavar="FEATURE", help="default: all")
    reason.set_defaults(run=_why)

    check = commands.add_parser(
        "verify",
        help="read every byte of the store and its copies and compare checksums",
        epilog="Exit code 0: all as written. 1: damaged; `soundstage repair` mends it.",
    )
    check.set_defaults(run=_verify)

    mend = commands.add_parser(
        "repair", help="compute again exactly what is damaged, also in DVC's cache"
    )
    mend.set_defaults(run=_repair)

    papers = commands.add_parser(
        "papers", help="run the systems of the five papers, and print their tables"
    ).add_subparsers(required=True, metavar="COMMAND")
    papers.add_parser("list", help="list papers, protocols and systems").set_defaults(
        run=_papers_list
    )
    doing = papers.add_parser(
        "run",
        help="run a paper's systems under its protocols",
        description="Run every system of a paper under every protocol, by `dvc exp run ... "
        "evaluate`, and keep the scores in papers/results/. Runs that are there are left out, so "
        "a killed command goes on where it was.",
        epilog="soundstage papers run 003 --system knn --protocol honest --seeds 0 1",
    )
    doing.add_argument("key", metavar="KEY", help="e.g. 003")
    doing.add_argument("--system", nargs="+", default=(), metavar="S", help="only these")
    doing.add_argument(
        "--protocol", nargs="+", default=(), metavar="P", help="only these, e.g. honest"
    )
    doing.add_argument(
        "--seeds", type=int, nargs="+", default=(), metavar="N", help="instead of the protocol's"
    )
    doing.add_argument("--dataset", default="", metavar="D", help="instead of the paper's own")
    doing.add_argument(
        "-S", "--set", action="append", default=[], metavar="NAME=VALUE",
        help="another parameter, as in `dvc exp run`; training.epochs is that of the run's model",
    )  # fmt: skip
    way = doing.add_mutually_exclusive_group()
    way.add_argument("--queue", action="store_true", help="queue the runs; `dvc queue start`")
    way.add_argument(
        "--direct", action="store_true",
        help="in this process, on the store as it is: no experiment is kept, but many small runs "
        "take a tenth of the time",
    )  # fmt: skip
    doing.add_argument("--again", action="store_true", help="also runs whose scores are there")
    doing.set_defaults(run=_papers_run)
    telling = papers.add_parser(
        "table", help="print a paper's numbers beside those of its runs, as Markdown"
    )
    telling.add_argument("key", nargs="?", metavar="KEY", help="default: all")
    telling.set_defaults(run=_papers_table)

    clean = commands.add_parser(
        "gc",
        help="remove finished shards that no commit or experiment needs, after showing them",
        description="Remove finished shards from .soundstage/ that neither the workspace, nor a "
        "commit, nor an experiment needs. DVC's own cache shares their bytes: run `dvc gc` first "
        "to let go of old experiments there.",
    )
    clean.add_argument("--dry-run", action="store_true", help="show only")
    clean.add_argument("--yes", action="store_true", help="do not ask")
    clean.set_defaults(run=_gc)
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line; exits."""
    # A process of its own, in which `soundstage show | head` is no error, and Ctrl-C no traceback.
    if words is None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        if not interrupts.debugging():
            interrupts.one_line_interrupts()
        terminal.guard()
    arguments = _parser().parse_args(words)
    if not arguments.debug:
        interrupts.one_line_errors()
    sys.exit(arguments.run(arguments))


if __name__ == "__main__":
    main()
