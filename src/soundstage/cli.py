"""The command line: `soundstage --help`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from soundstage import params, paths, stage
from soundstage.errors import SoundstageError
from soundstage.gate import gate
from soundstage.report.table import table


def _show(_arguments: argparse.Namespace) -> int:
    if not paths.TEST.exists():
        raise SoundstageError(f"{paths.TEST}: no such file; run `dvc repro` first")
    print(table(json.loads(paths.TEST.read_text("utf-8"))))
    return 0


def _gate(arguments: argparse.Namespace) -> int:
    return gate(Path(), arguments.rev, params.load().top.gate)


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
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line; exits."""
    arguments = _parser().parse_args(words)
    if not arguments.debug:
        stage.one_line_errors()
    sys.exit(arguments.run(arguments))


if __name__ == "__main__":
    main()
