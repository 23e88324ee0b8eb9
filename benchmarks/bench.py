"""`make bench`: every target of speed beside its reference, and docs/benchmarks.md from that.

    python benchmarks/bench.py [--out FILE] [AREA ...]

An area is a file of benchmarks/targets. With areas named, only they are measured, and nothing is
written unless --out says where.
"""

import argparse
import importlib
import os
import platform
from pathlib import Path

import joblib
from measure import Line

from soundstage.files import whole_or_not_at_all

AREAS = ("decode", "spectra", "stats", "reading", "training", "processes", "scale")
PAGE = Path("docs/benchmarks.md")
HEAD = """# Benchmarks

Written by `{command}` on {machine}.
Ours and the reference run in turn, many times, in one process where that is possible; the ratio is
the median over the pairs. Times wander by a factor of two on a shared machine, ratios hardly.
Inputs are synthesised from a seed, clips have 30 s.

| what | against | ours | reference | ratio | target | met | agreement |
|---|---|---|---|---|---|---|---|
"""


def _quantity(value: float, unit: str) -> str:
    return f"{1000 * value:.3g} ms" if unit == "s" and value < 1 else f"{value:.3g} {unit}"


def row(line: Line) -> str:
    """Return a line of the table."""
    sign = "≥" if line.faster else "≤"
    ours, reference = (_quantity(v, line.unit) for v in (line.ours, line.reference))
    return (
        f"| {line.what} | {line.against} | {ours} | {reference} | {line.ratio:.2f} "
        f"| {sign} {line.target:g} | {'yes' if line.met else 'no'} | {line.agreement} |"
    )


def page(lines: list[Line], command: str) -> str:
    """Return the page: the table, and what bounds each line."""
    python = f"Python {platform.python_version()}"
    machine = f"{joblib.cpu_count()} cores of {platform.machine()}, {python}"
    bounds = [f"* **{line.what}**: {line.bound}." for line in lines if line.bound]
    missed = [line for line in lines if not line.met]
    text = HEAD.format(command=command, machine=machine) + "\n".join(row(line) for line in lines)
    text += "\n\nA ratio with ≥ is reference / ours, one with ≤ is ours / reference.\n"
    if missed:
        text += "\n## Missed\n\n"
        for line in missed:
            off = line.target / line.ratio if line.faster else line.ratio / line.target
            text += f"* **{line.what}**, by a factor of {off:.2f}.\n"
    return text + "\n## What bounds each\n\n" + "\n".join(bounds) + "\n"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("areas", nargs="*", metavar="AREA", help=", ".join(AREAS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    lines = []
    for area in arguments.areas or AREAS:
        for line in importlib.import_module(f"targets.{area}").measure():
            print(row(line), flush=True)
            lines.append(line)
    out = arguments.out or (None if arguments.areas else PAGE)
    if out:
        with whole_or_not_at_all(out) as temporary:
            command = " ".join(["python benchmarks/bench.py", *arguments.areas])
            temporary.write_text(page(lines, command), "utf-8")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
