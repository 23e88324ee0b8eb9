import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import vl_convert

from soundstage.errors import SoundstageError
from soundstage.metrics.predictions import Predictions
from soundstage.report import curves, offline

PROJECT = Path(__file__).parents[2]
PLOTS = """
plots:
  - confusion: {template: confusion, x: predicted, y: {data/plots/confusion.csv: actual}}
  - roc: {template: curves, x: fpr, y: {data/plots/roc.csv: tpr}}
  - pr: {template: curves, x: recall, y: {data/plots/pr.csv: precision}}
  - dvc's own: {template: linear, x: fpr, y: {data/plots/roc.csv: tpr}}
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "new" / "vega.js"
    offline.write_bundle(path)
    return path


def test_bundle_is_one_classic_script_that_defines_vega_embed(bundle):
    text = bundle.read_text("utf-8")
    assert len(text) > 500_000
    assert "window.vegaEmbed=" in text
    assert not re.search(r"(^|[;}])\s*(import|export)[\s{]", text)  # file:// refuses modules
    assert "cdn.jsdelivr.net" not in text
    assert list(bundle.parent.iterdir()) == [bundle]


def test_bundle_that_is_there_is_kept(tmp_path):
    path = tmp_path / "vega.js"
    path.write_text("mine")
    offline.write_bundle(path)
    assert path.read_text() == "mine"


def test_bundle_is_not_left_half_written(tmp_path, monkeypatch):
    def full(self, content):
        with self.open("wb") as file:
            file.write(content[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SoundstageError, match="No space left"):
        offline.write_bundle(tmp_path / "vega.js")
    assert list(tmp_path.iterdir()) == []


def test_dvc_page_needs_no_network(tmp_path, rng):
    def run(*words):
        environment = os.environ | {
            "DVC_SITE_CACHE_DIR": str(tmp_path / "site"),
            "DVC_NO_ANALYTICS": "1",
        }
        return subprocess.run(
            words, cwd=project, env=environment, check=True, capture_output=True, text=True
        )

    project = tmp_path / "project"
    report = project / "src" / "soundstage" / "report"
    report.mkdir(parents=True)
    dvc = (sys.executable, "-m", "dvc")
    run("git", "init")
    run(*dvc, "init", "--quiet")
    run(*dvc, "config", "core.analytics", "false")
    run(*dvc, "config", "plots.html_template", "../src/soundstage/report/plots.html")
    shutil.copy(PROJECT / "src/soundstage/report/plots.html", report)
    shutil.copytree(PROJECT / ".dvc/plots", project / ".dvc/plots")
    (project / "dvc.yaml").write_text(PLOTS)
    track = np.arange(60).astype(str)
    probability = rng.dirichlet([1, 1, 1], 60)
    found = Predictions(
        track=track,
        segment=np.zeros(60, int),
        group=track,
        y_true=np.arange(60) % 3,
        probability=probability,
        classes=("reel", "waltz", "polka"),
        train_shares=np.full(3, 1 / 3),
    )
    curves.write(found, project / "data" / "plots")
    shown = run(*dvc, "plots", "show")
    assert shown.stdout.strip().endswith("dvc_plots/index.html")
    page = (project / "dvc_plots" / "index.html").read_text("utf-8")

    # What the page loads. "$schema" names a grammar and is not fetched.
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["../.soundstage/vega.js"]
    assert "http" not in re.sub(r'"\$schema": "https?://[^"]*"', "", page)
    assert not re.search(r"<DVC_METRIC|\{(plot_divs|refresh_tag|scripts)\}", page)

    specs = [json.loads(spec) for spec in re.findall(r"var spec = (.*);", page)]
    drawn = {spec["title"]["text"]: vl_convert.vegalite_to_svg(spec) for spec in specs}
    assert set(drawn) == {"confusion", "roc", "pr", "dvc's own"}
    for name in ("roc", "pr"):
        assert drawn[name].count('aria-roledescription="line mark"') == 4
        assert all(f">{word}</text>" in drawn[name] for word in ("reel", "polka", "macro"))
    counts = curves.confusion(found.clips())["count"].to_list()
    cells = re.findall(r'aria-roledescription="text mark"[^>]*>(\d+)</text>', drawn["confusion"])
    assert sorted(map(int, cells)) == sorted(counts)
