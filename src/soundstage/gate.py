"""The gate of a merge: metrics of the workspace against those of another commit.

``dvc metrics diff`` has no thresholds, and says nothing of a missing or broken file. Here every
rule gets a verdict:

- pass
- regression: worse than the other commit by more than the tolerance
- missing, broken (no JSON object, or an empty one), not a number (NaN, infinite, no number at
  all): what the workspace says; fails whatever the other commit says
- cannot tell: the other commit has no such number, or measured something else (another data set,
  split or target)
"""

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from soundstage import diagnostics, paths
from soundstage.params import Rule

PASS, FAIL, CANNOT_TELL = 0, 1, 2  # exit codes
SAME = ("dataset", "split", "target")  # what two runs must share to be comparable
SLACK = 1e-9  # of binary fractions: 0.8 - 0.7 exceeds 0.1; metrics carry 6 decimals
WIDTH = 110  # columns: wide enough for the longest key, also where there is no terminal


@dataclass(frozen=True)
class Row:
    """One rule's verdict, with the numbers behind it where they can be read."""

    key: str
    rule: Rule
    old: float | None
    new: float | None
    verdict: str
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether the workspace is at fault."""
        return self.verdict not in ("pass", "cannot tell")


def compare(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, rules: Mapping[str, Rule]
) -> list[Row]:
    """Judge one metrics file: a row for each of ``rules``, whose keys are dotted paths.

    None stands for a file that does not exist, an empty mapping for one that cannot be read.
    """
    return [_row(old, new, key, rule) for key, rule in rules.items()]


def exit_code(rows: Sequence[Row]) -> int:
    """0: all pass; 1: the workspace fails; 2: nothing failed, but not all can be told."""
    if any(row.failed for row in rows):
        return FAIL
    return PASS if rows and all(row.verdict == "pass" for row in rows) else CANNOT_TELL


def gate(root: Path, rev: str, rules: Mapping[str, Mapping[str, Rule]]) -> int:
    """Compare the workspace at ``root`` with commit ``rev``, print a table, return the exit code.

    ``rules`` are those of ``params.yaml``: for each metrics file, relative to ``root``, its
    dotted keys. ``root`` lies in a git repository.
    """
    name = f"{rev}^{{commit}}"
    commit, complaint = _git(root, "rev-parse", "--verify", name)
    judged = {}
    for path, of_file in rules.items():
        there = _git(root, "show", f"{commit.decode().strip()}:./{path}")[0] if commit else None
        here = (root / path).read_bytes() if (root / path).is_file() else None
        judged[path] = compare(_parsed(there), _parsed(here), of_file)
    rows = [row for of_file in judged.values() for row in of_file]
    if rows:
        print(_table(judged, rev))
    for line in _warnings(root):
        print(line)
    print(_closing(rows, rev, complaint if commit is None else ""))
    return exit_code(rows)


def _warnings(root: Path) -> list[str]:
    """Return a line for each kind of warning that touches the workspace's scores."""
    file = root / paths.TEST
    found = (_parsed(file.read_bytes()) or {}).get("warning") if file.is_file() else None
    counted = {str(code): _number(n) for code, n in (found or {}).items()}
    return diagnostics.summary({code: int(n) for code, n in counted.items() if n})


def _row(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, key: str, rule: Rule) -> Row:
    if new is None:
        return Row(key, rule, None, None, "missing", "no such file")
    if not new:
        return Row(key, rule, None, None, "broken", "no JSON object, or an empty one")
    before, now = _number(_at(old or {}, key)), _number(_at(new, key))
    if now is None:
        absent = _at(new, key) is None
        return Row(key, rule, before, None, "missing" if absent else "not a number")
    differing = [name for name in SAME if (old or {}).get(name) != new.get(name)]
    if before is None:
        reason = "no such file" if old is None else "no such number there"
        return Row(key, rule, None, now, "cannot tell", reason)
    if differing:
        return Row(key, rule, before, now, "cannot tell", f"another {' and '.join(differing)}")
    worse = {"higher": before - now, "lower": now - before, "equal": abs(now - before)}
    verdict = "regression" if worse[rule.better] > rule.tolerance + SLACK else "pass"
    return Row(key, rule, before, now, verdict)


def _at(tree: Any, key: str) -> Any:
    """The value at a dotted path, None where it ends early."""
    for name in key.split("."):
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _number(value: Any) -> float | None:
    """A finite number as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _parsed(content: bytes | None) -> Mapping[str, Any] | None:
    """A JSON object; {} for any other content, None for no content."""
    if content is None:
        return None
    try:
        # Integers as floats: one of 400 digits becomes infinite, which is not a number here.
        tree = json.loads(content, parse_int=float)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, nested without end
        return {}
    return tree if isinstance(tree, dict) else {}


def _git(root: Path, *words: str) -> tuple[bytes | None, str]:
    """A git command's output, None if it fails, and its complaint."""
    done = subprocess.run(["git", "-C", root, *words], capture_output=True, check=False)
    return None if done.returncode else done.stdout, done.stderr.decode(errors="replace").strip()


def _table(judged: Mapping[str, Sequence[Row]], rev: str) -> str:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("metric", overflow="fold")
    for title in (rev, "now", "change"):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column("allowed", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for path, rows in judged.items():
        table.add_row(path)
        for row in rows:
            known = ("-" if value is None else f"{value:.6g}" for value in (row.old, row.new))
            change = "-" if row.old is None or row.new is None else f"{row.new - row.old:+.6g}"
            allowed = f"{row.rule.better}, {row.rule.tolerance:g}"
            verdict = f"{row.verdict} ({row.reason})" if row.reason else row.verdict
            table.add_row(f"  {row.key}", *known, change, allowed, verdict)
    text = StringIO()
    Console(file=text, width=WIDTH, color_system=None, markup=False, emoji=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _closing(rows: Sequence[Row], rev: str, complaint: str) -> str:
    if not rows:
        return "Cannot tell: the section `gate` of params.yaml holds no rule."
    code = exit_code(rows)
    if code == PASS:
        return f"Pass: all {len(rows)} metrics are within their tolerance of {rev}."
    if code == FAIL:
        failed = sum(row.failed for row in rows)
        return f"Fail: {failed} of {len(rows)} metrics got worse or cannot be read."
    if complaint:
        return f"Cannot tell: git finds no commit {rev}; fetch it first ({complaint})."
    unclear = sum(row.verdict == "cannot tell" for row in rows)
    return f"Cannot tell: {unclear} of {len(rows)} metrics have no counterpart in {rev}."
