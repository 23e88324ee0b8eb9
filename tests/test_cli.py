import json
import signal
import subprocess
import sys

import pytest

from soundstage import cli


def soundstage(*words, cwd):
    command = [sys.executable, "-m", "soundstage.cli", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for word in ("gate", "show", "dvc repro"):
        assert word in said


def test_show_without_a_run_says_what_to_do(tmp_path):
    done = soundstage("show", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: metrics/test.json: no such file; run `dvc repro` first\n"


def test_show_prints_the_scores(tmp_path, capsys, monkeypatch):
    interval = {"low": 0.4, "high": 0.6}
    names = ("accuracy", "f1_macro", "roc_auc", "average_precision")
    scores = dict.fromkeys(names, 0.5)
    metrics = {
        "model": "svm",
        "dataset": "demo",
        "split": "group",
        "target": "genre",
        **dict.fromkeys(("n_listed", "n_quarantined", "n_expected", "n_scored"), 7),
        "clip": scores
        | {
            "interval": dict.fromkeys(names, interval),
            "class": {"reel": {"f1": 0.5, "support": 7}},
        },
        "segment": scores,
        "baseline": {"majority": scores, "prior": scores},
    }
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "test.json").write_text(json.dumps(metrics))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(["show"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "svm" in said
    assert "0.4" in said


def test_within_another_program_its_signals_are_left_alone():
    before = signal.getsignal(signal.SIGPIPE)
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert signal.getsignal(signal.SIGPIPE) == before
