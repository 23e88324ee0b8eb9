import polars as pl
import pytest

from soundstage import verdicts
from soundstage.errors import SoundstageError
from soundstage.upkeep.quarantine import ADVICE, lines, quarantine


@pytest.fixture
def table():
    rows = [
        ("a\n.mp3", None, "not_a_file", verdicts.REASONS["not_a_file"], False),
        ("b.mp3", "1" * 32, "undecodable", "moov atom not found", True),
        ("c.mp3", "2" * 32, "undecodable", "Header missing", False),
    ]
    return pl.DataFrame(rows, verdicts.SCHEMA, orient="row")


def test_there_is_advice_for_every_reason():
    assert ADVICE.keys() == verdicts.REASONS.keys()


def test_files_stand_under_their_reason_with_what_to_do(table):
    meaning = verdicts.REASONS
    assert lines({"pcm8": table, "audio22k": table.clone()}) == [
        "pcm8, audio22k: 3 files quarantined, 1 of them known to be broken",
        f"  undecodable (2): {meaning['undecodable']}; {ADVICE['undecodable']}",
        "    b.mp3: moov atom not found (known to be broken)",
        "    c.mp3: Header missing",
        f"  not_a_file (1): {meaning['not_a_file']}; {ADVICE['not_a_file']}",
        "    a\\n.mp3",
    ]


def test_waveforms_that_differ_are_told_apart(table):
    found = lines({"pcm8": table.head(1), "audio22k": table.clear()})
    assert found[0] == "pcm8: 1 files quarantined"
    assert found[-1] == "audio22k: 0 files quarantined"


def test_the_last_run_is_read_from_its_folder(tmp_path, table):
    with pytest.raises(SoundstageError, match="run `dvc repro` first"):
        quarantine(tmp_path)
    table.write_parquet(tmp_path / "pcm8.parquet")
    (tmp_path / ".half.parquet").write_bytes(b"")
    assert quarantine(tmp_path) == lines({"pcm8": table})
