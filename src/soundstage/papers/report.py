"""A paper's table: what it prints beside what its systems score here, as Markdown."""

from collections.abc import Mapping, Sequence
from itertools import chain
from statistics import mean, stdev
from textwrap import dedent
from typing import Any

from soundstage.papers import definition, results
from soundstage.papers.definition import Paper, System
from soundstage.papers.results import Result

_MARKS = "†‡§¶‖"


def page() -> list[str]:
    """Return the lines of docs/papers.md: all papers, and how to read their tables."""
    head = """
    # The papers: printed, as printed, honest

    Written by `soundstage papers table > docs/papers.md` from papers/*.yaml and the runs in
    papers/results. A cell is the mean over a protocol's runs, ± their deviation and their number
    where there are several (0.000 where a model draws nothing and the split stays), and the ends
    of the 95 % bootstrap interval over groups (songs, or artists where they are known), averaged
    over the runs: of draws and folds it is that of one test part. On few clips that of an average
    precision lies high, since a resample has some clips twice, and may leave the score out. A
    marked number cannot be what it claims; below each table stands why. A number in brackets is not
    printed, but follows from what is.

    `clip` scores a clip by the mean probability of its segments, `vote` by their majority,
    `segment` each by itself. `accuracy_ovr` is the mean accuracy of each class against the rest,
    `pos_` and `neg_` are of a class and of the rest, `negpos_` is the mean of both. `demo30` is
    rendered music, few clips of it, and no paper's: its columns show that a system runs, and are
    not to be compared with what is printed. A code behind a score, such as `missing_class 2`, is a
    warning that touches it and how often; `soundstage show` says what it means.
    """
    tables = (["", *table(key, definition.load(key))] for key in definition.names())
    return [*dedent(head).strip().splitlines(), *chain(*tables)]


def table(key: str, paper: Paper) -> list[str]:
    """Return the lines of a paper's page: a table a data set, and what its cells cannot have been.

    The data sets of its systems come first. A cell is as `page` says.
    """
    lines = [f"## {key}: {paper.title}", ""]
    lines += ["Its protocols, on its own data sets:", ""]
    lines += [f"* **{name}**: {protocol.says}" for name, protocol in paper.protocols.items()]
    marks = {
        (system, one.metric): _MARKS[i % len(_MARKS)] * (1 + i // len(_MARKS))
        for i, one in enumerate(paper.impossible)
        for system in one.systems
    }
    own = {paper.dataset, *(system.dataset for system in paper.systems.values())}
    own |= {protocol.dataset for protocol in paper.protocols.values()}
    there = results.datasets(key)
    for dataset in sorted(there, key=lambda name: (name not in own, name)):
        found = results.read(key, dataset)
        lines += [
            "",
            f"On `{dataset}` ({_conditions(paper, found)}):",
            "",
            *_rows(paper, found, marks),
        ]
    if not there:
        lines += ["", "No run yet; what is printed:", "", *_rows(paper, [], marks)]
    lines += [""] if marks or paper.notes else []
    lines += [
        f"{marks[one.systems[0], one.metric]} {', '.join(one.systems)}, `{one.metric}`: {one.why}\n"
        for one in paper.impossible
    ]
    return lines + [f"* {note}" for note in paper.notes]


def _rows(paper: Paper, found: Sequence[Result], marks: dict[tuple[str, str], str]) -> list[str]:
    protocols = [
        p for p in paper.protocols if not found or any(result.protocol == p for result in found)
    ]
    head = ["system", "metric", "printed", *(p.replace("_", " ") for p in protocols)]
    lines = [_line(head), _line(["---"] * 2 + ["---:"] * (1 + len(protocols)))]
    for name, system in paper.systems.items():
        if found and not any(result.system == name for result in found):
            continue
        told_of = (*system.printed, *system.derived)
        shown: list[list[str]] = []
        for metric in dict.fromkeys((*told_of, *paper.also) if told_of else paper.metrics()):
            cells = [
                cell([r for r in found if (r.system, r.protocol) == (name, p)], metric)
                for p in protocols
            ]
            told = _told(system, metric) + marks.get((name, metric), "")
            if told == "-" and (set(cells) == {"-"} or cells in shown):
                continue  # no score, or of clips of one segment the same again
            shown.append(cells)
            lines.append(_line([name, f"`{metric}`", told, *cells]))
    return lines


def _told(system: System, metric: str) -> str:
    """Return what a paper says of a system: printed, or in brackets what follows from that."""
    if metric in system.printed:
        return f"{system.printed[metric]:.4g}"
    return f"({system.derived[metric]:.4g})" if metric in system.derived else "-"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def cell(runs: Sequence[Result], metric: str) -> str:
    """Return a score's mean over runs, with deviation, interval, warnings and epochs, or "-"."""
    values = [run.scores[metric] for run in runs if metric in run.scores]
    if not values:
        return "-"
    text = f"{mean(values):.3f}"
    if len(values) > 1:
        text += f" ± {stdev(values):.3f} ({len(values)})"
    ends = [run.intervals[metric] for run in runs if metric in run.intervals]
    if ends:
        low, high = (mean(end) for end in zip(*ends, strict=True))
        text += f" [{low:.3f}, {high:.3f}]"
    for code in sorted({code for run in runs for code in run.warning}):
        text += f", {code} {max(run.warning.get(code, 0) for run in runs)}"
    epochs = {n for run in runs if (n := _epochs(run.overrides))}
    if not epochs:
        return text
    return f"{text}, {min(epochs)} {'epoch' if min(epochs) == 1 else 'epochs'}"


def _conditions(paper: Paper, found: Sequence[Result]) -> str:
    """Say under which splits the protocols ran, and whether networks were trained for less long."""
    splits = sorted({(r.protocol, r.split) for r in found})
    said = "; ".join(f"{protocol.replace('_', ' ')}: {split}" for protocol, split in splits)
    own = {name for name, protocol in paper.protocols.items() if _epochs(protocol.params)}
    short = any(_epochs(run.overrides) for run in found if run.protocol not in own)
    note = ". Networks with few epochs show the machinery, not the paper" if short else ""
    return f"splits {said}{note}"


def _epochs(params: Mapping[str, Any]) -> int | None:
    """Return for how many epochs a network is trained, where that is not its own number."""
    return min((n for name, n in params.items() if name.endswith(".training.epochs")), default=None)
