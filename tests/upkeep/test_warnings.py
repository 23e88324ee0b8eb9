import shutil
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from soundstage import catalogue, diagnostics, paths, verdicts, views
from soundstage.cli import main
from soundstage.diagnostics import Finding
from soundstage.files import write_json

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """What a run leaves whose music has something to be said of at every stage."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    for folder in (paths.QUARANTINE, paths.INGEST, paths.VIEWS):
        folder.mkdir(parents=True)
    write_json(paths.DATASET, asdict(catalogue.Known("mine", "group", {}, None, None)))
    bad = ("a.mp3", "1" * 32, "undecodable", "moov atom not found", False)
    refused = pl.DataFrame([bad], verdicts.SCHEMA, orient="row")
    refused.select("path", "key").write_parquet(paths.FILES)
    for waveform in ("pcm8", "audio22k"):
        refused.write_parquet(paths.QUARANTINE / f"{waveform}.parquet")
        write_json(paths.INGEST / f"{waveform}.json", {"dataset": "mine"})
        loud = [Finding(f"{i:02}.wav", "too_loud", f"peak {i}") for i in range(12)]
        diagnostics.write(diagnostics.table(loud), paths.WARNED / f"{waveform}.parquet")
    split = [Finding("ja\x1b[2Jzz", "missing_class", "not in test")]
    diagnostics.write(diagnostics.table(split), paths.WARNINGS / "split.parquet")
    heard = {"clips": 3, "heard": {"test": 0.05}, "warnings": {"cut": 2}}
    about = views.About("mfcc_lstm", "mfcc", "genre", ("a", "b"), (130, 13), "", **heard)
    rows = pl.DataFrame(schema=views.SCHEMA)
    views.write(views.View(about, rows), paths.VIEWS / "mfcc_lstm.parquet")


def said(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["warnings", *words])
    assert end.value.code == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("project")
def test_refusals_and_warnings_of_all_stages_stand_by_code_with_what_to_do(capsys):
    lines = said(capsys)
    assert lines[0] == "pcm8, audio22k: 1 files quarantined"
    assert "    a.mp3: moov atom not found" in lines
    assert "mfcc_lstm: 0 segments of mfcc; hears 5 % of the audio of its clips; " in lines[3]
    assert lines[4] == "13 warnings; their tables lie in data/warnings/"
    meaning = diagnostics.WARNINGS["missing_class"]
    assert lines[5] == f"  missing_class (1): {meaning.sentence}; {meaning.remedy}"
    assert lines[6] == "    ja\\x1b[2Jzz: not in test"
    assert lines[7].startswith("  too_loud (12): goes beyond twice full scale")
    assert lines[8] == "    00.wav: peak 0"
    assert lines[-1] == "    and 2 more; --all names them"
    assert "    11.wav: peak 11" in said(capsys, "--all")


@pytest.mark.usefixtures("project")
def test_nothing_to_say_is_said(capsys):
    shutil.rmtree(paths.WARNINGS)
    assert said(capsys)[-1] == "no warnings"
