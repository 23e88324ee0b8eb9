"""`make bench`: every target of speed beside its reference, and docs/benchmarks.md from that.

    python benchmarks/bench.py [AREA ...]

An area is a file of benchmarks/targets. Its lines are kept in docs/benchmarks.json until it is
measured again, so one area can be measured when the machine has nothing else to do.
"""

import argparse
import importlib
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import joblib
from measure import Line

from soundstage.files import whole_or_not_at_all, write_json

AREAS = (
    *("decode", "spectra", "stats", "reading", "training", "prediction", "processes", "scale"),
    "memory",
)
KEPT, PAGE = Path("docs/benchmarks.json"), Path("docs/benchmarks.md")
HEAD = """# Benchmarks

Written by `python benchmarks/bench.py` on {machine}.
Ours and the reference run in turn, many times, in one process where that is possible; the ratio is
the median over the pairs. Times wander by a factor of two on a shared machine, ratios hardly.
Inputs are synthesised from a seed. Where nothing else is said, clips have 30 s, and all runs on one
thread.

| what | against | ours | reference | ratio | target | met | agreement |
|---|---|---|---|---|---|---|---|
"""
NOT_MEASURED = """
## Not measured

There was no GPU at hand yet: neither the target for one (paper 000's eight networks, ten epochs of
14,837 clips, in ten minutes: `python benchmarks/gpu.py`) nor spectra with `device: cuda` was tried.
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


def machine() -> str:
    """Return what this runs on, in words."""
    return f"{joblib.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}"


def page(kept: dict[str, Any]) -> str:
    """Return the page: the table, what was missed, and what bounds each line."""
    lines = [Line(**line) for area in AREAS if area in kept for line in kept[area]["lines"]]
    bounds = [f"* **{line.what}**: {line.bound}." for line in lines if line.bound]
    missed = [line for line in lines if not line.met]
    machines = "; ".join(dict.fromkeys(area["machine"] for area in kept.values()))
    text = HEAD.format(machine=machines) + "\n".join(row(line) for line in lines)
    text += (
        "\n\nA ratio with ≥ is reference / ours, one with ≤ is ours / reference. Of two\n"
        "processes it is our gain over one (the reference) as a share of the plain loops' gain.\n"
    )
    text += NOT_MEASURED
    if missed:
        text += "\n## Missed\n\n"
        for line in missed:
            off = line.target / line.ratio if line.faster else line.ratio / line.target
            text += f"* **{line.what}**, by a factor of {off:.2f}.\n"
    return text + "\n## What bounds each\n\n" + "\n".join(bounds) + "\n"


def main() -> None:
    """Measure, keep, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("areas", nargs="*", default=AREAS, metavar="AREA", help=", ".join(AREAS))
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    for area in parser.parse_args().areas:
        lines = []
        for line in importlib.import_module(f"targets.{area}").measure():
            print(row(line), flush=True)
            lines.append(asdict(line))
        kept[area] = {"machine": machine(), "lines": lines}
        write_json(KEPT, kept)
    with whole_or_not_at_all(PAGE) as temporary:
        temporary.write_text(page(kept), "utf-8")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
