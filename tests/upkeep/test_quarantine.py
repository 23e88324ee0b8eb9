import re
import shutil
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from soundstage import catalogue, paths, verdicts
from soundstage.diagnostics import REFUSALS, WARNINGS
from soundstage.errors import SoundstageError
from soundstage.files import write_json
from soundstage.upkeep.quarantine import lines, quarantine

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def table():
    rows = [
        ("a\n.mp3", None, "not_a_file", REFUSALS["not_a_file"].sentence, False),
        ("b.mp3", "1" * 32, "undecodable", "moov atom not found", True),
        ("c.mp3", "2" * 32, "undecodable", "Header missing", False),
    ]
    return pl.DataFrame(rows, verdicts.SCHEMA, orient="row")


def test_remedies_name_parameters_and_stages_that_there_are():
    said = " ".join(" ".join(each) for each in [*REFUSALS.values(), *WARNINGS.values()])
    parameters = YAML(typ="safe").load(PROJECT / "params.yaml")
    stages = YAML(typ="safe").load(PROJECT / "dvc.yaml")["stages"]
    assert set(re.findall(r"decode\.(\w+)", said)) <= parameters["decode"].keys()
    assert re.findall(r"dvc repro ([^`]*)", said) == ["-f decode@<waveform>"]
    assert stages["decode"]["foreach"] == "${waveforms}"


def test_files_stand_under_their_reason_with_what_to_do(table):
    undecodable, not_a_file = REFUSALS["undecodable"], REFUSALS["not_a_file"]
    assert lines({"pcm8": table, "audio22k": table.clone()}) == [
        "pcm8, audio22k: 3 files quarantined, 1 of them known to be broken",
        f"  undecodable (2): {undecodable.sentence}; {undecodable.remedy}",
        "    b.mp3: moov atom not found (known to be broken)",
        "    c.mp3: Header missing",
        f"  not_a_file (1): {not_a_file.sentence}; {not_a_file.remedy}",
        "    a\\n.mp3",
    ]


def test_waveforms_that_differ_are_told_apart(table):
    found = lines({"pcm8": table.head(1), "audio22k": table.clear()})
    assert found[0] == "pcm8: 1 files quarantined"
    assert found[-1] == "audio22k: 0 files quarantined"


@pytest.fixture
def decoded(tmp_path, monkeypatch, table):
    """Return a function that leaves what the decoding of `mine` to a waveform leaves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    for folder in (paths.QUARANTINE, paths.INGEST):
        folder.mkdir(parents=True)
    write_json(paths.DATASET, asdict(catalogue.Known("mine", "group", {}, None, None)))
    table.select("path", "key").write_parquet(paths.FILES)

    def decoded(waveform, rows, dataset="mine"):
        rows.write_parquet(paths.QUARANTINE / f"{waveform}.parquet")
        if dataset:
            write_json(paths.INGEST / f"{waveform}.json", {"dataset": dataset})

    return decoded


def test_only_what_was_decoded_from_this_data_set_is_told(decoded, table):
    with pytest.raises(SoundstageError, match="no waveform of 'mine'; run `dvc repro` first"):
        quarantine()
    decoded("pcm8", table)
    decoded("audio16k", table.clear())
    decoded("audio22k", table.clear(), dataset="other")
    decoded("audio44k", table.with_columns(path=pl.col("path") + "3"))  # before the last listing
    decoded("audio8k", table)  # no longer in params.yaml
    (paths.QUARANTINE / ".half.parquet").write_bytes(b"")
    assert quarantine() == lines({"pcm8": table, "audio16k": table.clear()})


def test_a_decoding_that_found_too_much_broken_is_told(decoded, table):
    decoded("pcm8", table, dataset=None)
    assert quarantine() == lines({"pcm8": table})
