"""The table of models: every one of params.yaml on its data set, as `dvc exp run` scores it.

Runs one experiment a model in a temporary checkout, so the workspace stays as it is (commit
first), and writes docs/models.md. With `--set target=tags` or any other parameter, the table is of
those and goes to docs/models-target-tags.md.

    python benchmarks/models.py [--set KEY=VALUE] [MODEL ...]
"""

import argparse
import re
import subprocess
from pathlib import Path
from typing import Any

import dvc.api

from soundstage import params
from soundstage.files import whole_or_not_at_all

KEYS = {
    "accuracy": "accuracy",
    "f1_macro": "macro F1",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
}


def run(model: str, settings: list[str]) -> dict[str, Any]:
    """Run one experiment; return the content of its metrics/test.json."""
    head = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
    # DVC finds an experiment of another commit by the same name ambiguous.
    name = "-".join(["models", model, *(re.sub(r"\W+", "-", s) for s in settings), commit])
    overrides = [word for setting in (f"model={model}", *settings) for word in ("-S", setting)]
    command = ["dvc", "exp", "run", "--temp", "-f", "-n", name, *overrides, "evaluate"]
    subprocess.run(command, check=True)
    return dvc.api.metrics_show("metrics/test.json", rev=name)


def row(name: str, scores: dict[str, Any], clips: int | str) -> str:
    """Return a line of the table: scores of clips with their 95 % intervals."""
    cells = []
    for key in KEYS:
        interval = scores.get("interval", {}).get(key)
        bounds = f" ({interval['low']:.2f} to {interval['high']:.2f})" if interval else ""
        cells.append(f"{scores[key]:.3f}{bounds}")
    return f"| {name} | {' | '.join(cells)} | {clips} |"


def main() -> None:
    """Run and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=list(params.load().models), metavar="MODEL")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    arguments = parser.parse_args()
    settings = arguments.settings
    found = {model: run(model, settings) for model in arguments.models}

    first = next(iter(found.values()))
    chosen = [] if list(found) == list(params.load().models) else list(found)
    command = " ".join(["python benchmarks/models.py", *(f"--set {s}" for s in settings), *chosen])
    title = f"{first['dataset']}, target {first['target']}, split {first['split']}"
    lines = [
        f"# Models: {title}",
        "",
        "Test clips, with 95 % bootstrap intervals over groups. Written by",
        f"`{command}`.",
        "",
        f"| model | {' | '.join(KEYS.values())} | clips |",
        f"|---|{'---|' * len(KEYS)}---|",
        *(row(f"`{model}`", test["clip"], test["n_scored"]) for model, test in found.items()),
        *(row(f"*{name}*", scores, "") for name, scores in first["baseline"].items()),
    ]
    suffix = "".join(f"-{s.replace('=', '-').replace('.', '-')}" for s in settings)
    with whole_or_not_at_all(Path(f"docs/models{suffix}.md")) as temporary:
        temporary.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
