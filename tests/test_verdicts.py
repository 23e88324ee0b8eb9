import polars as pl
import pytest
from hostile import NAMES

from soundstage import audio, listing, verdicts
from soundstage.diagnostics import REFUSALS, WARNINGS
from soundstage.errors import SoundstageError
from soundstage.store.shards import Rejection
from soundstage.terminal import shown

FAULTS = {"jazz/jazz.00054.wav": "a broken header", "b.wav": "was empty"}


@pytest.fixture
def files():
    return pl.DataFrame(
        [
            ("a/fifo.wav", 0, None, "not_a_file"),
            ("good/b.wav", 9, "2" * 32, None),
            ("good/c.wav", 9, "3" * 32, None),
            ("gtzan/jazz/jazz.00054.wav", 5, "1" * 32, None),
            ("gtzan/rock/copy.wav", 5, "1" * 32, None),
        ],
        listing.SCHEMA,
        orient="row",
    )


@pytest.fixture
def table(files):
    rejections = {"1" * 32: Rejection("1" * 32, "undecodable", "moov atom not found")}
    return verdicts.quarantined(files, rejections, FAULTS)


@pytest.fixture
def rows():
    flags = {name: [0.0, 0.0] for name in audio.WARNINGS} | {"antiphase": [0.0, 1.0]}
    shape = pl.Series([[3600 * 16000], [1800 * 16000]], dtype=pl.List(pl.Int64))
    return pl.DataFrame(
        {"key": ["2" * 32, "3" * 32], "shape": shape, "snr_db": [30.0, 40.0], **flags}
    )


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("jazz/jazz.00054.wav", "a broken header"),
        ("genres/jazz/jazz.00054.wav", "a broken header"),
        ("blues/jazz.00054.wav", None),
        ("bluejazz/jazz.00054.wav", None),
        ("x/b.wav", "was empty"),
        ("bb.wav", None),
    ],
)
def test_faults_are_ends_of_paths(path, known):
    assert verdicts.fault(path, FAULTS) == known


def test_quarantined_files_are_listed_by_path(table):
    assert table.schema == verdicts.SCHEMA
    assert table.rows() == [
        ("a/fifo.wav", None, "not_a_file", REFUSALS["not_a_file"].sentence, False),
        ("gtzan/jazz/jazz.00054.wav", "1" * 32, "undecodable", "moov atom not found", True),
        ("gtzan/rock/copy.wav", "1" * 32, "undecodable", "moov atom not found", False),
    ]


def test_expected_faults_do_not_count_against_the_share(table):
    verdicts.check(table, 5, 0.4)
    with pytest.raises(SoundstageError, match="2 of 5 files give no audio") as error:
        verdicts.check(table, 5, 0.39)
    assert "copy.wav: undecodable: moov" in str(error.value)
    assert "jazz.00054" not in str(error.value)
    verdicts.check(table.filter(pl.col("expected")), 1, 0.0)


def test_metrics_count_everything(table, rows):
    assert verdicts.metrics(table, 5, rows, 16000) == {
        "listed": 5,
        "accepted": 2,
        "quarantined": 3,
        "expected": 1,
        "hours": 1.5,
        "reason": {"not_a_file": 1, "undecodable": 2},
        "warning": {"antiphase": 1},
        "snr_db_median": 35.0,
    }


def test_what_is_known_is_a_note_and_all_else_a_warning(table, files, rows):
    assert list(verdicts.report(table, files, rows, FAULTS)) == [
        "quarantined 3 of 5 files:",
        f"  warning: a/fifo.wav: not_a_file: {REFUSALS['not_a_file'].sentence}",
        "  warning: gtzan/rock/copy.wav: undecodable: moov atom not found",
        "  note: known and broken: gtzan/jazz/jazz.00054.wav: undecodable: moov atom not found",
        "note: known to be broken (was empty), and readable: good/b.wav",
    ]
    assert list(verdicts.report(table.clear(), files, rows.head(0), {})) == []


@pytest.mark.parametrize("name", NAMES)
def test_names_do_not_move_the_terminal(files, rows, name):
    """Also where ffmpeg says them."""
    one = files[1:2].with_columns(path=pl.lit(name))
    rejections = {"2" * 32: Rejection("2" * 32, "undecodable", f"{name}: no audio")}
    table = verdicts.quarantined(one, rejections, {})
    (_, said) = verdicts.report(table, one, rows, {})
    assert said == f"  warning: {shown(name)}: undecodable: {shown(name)}: no audio"
    assert said.isprintable()
    with pytest.raises(SoundstageError) as error:
        verdicts.check(table, 1, 0.0)
    assert error.value.args[0].partition("\n")[2].isprintable()


def test_warnings_name_the_accepted_files_and_how_loud_is_too_loud(files, rows):
    loud = rows.with_columns(too_loud=pl.Series([1.0, 0.0]), peak=3.14159, clipped=0.25)
    assert verdicts.warnings(files, loud).rows() == [
        ("good/c.wav", "antiphase", ""),
        ("good/b.wav", "too_loud", "peak 3.14, 25.0 % clipped"),
    ]
    assert not len(verdicts.warnings(files, rows.with_columns(antiphase=0.0)))


def test_every_code_of_a_waveform_has_its_sentence():
    assert set(audio.WARNINGS) <= WARNINGS.keys()


def test_many_files_of_a_kind_are_cut_short(rows):
    n = 300
    files = pl.DataFrame(
        [(f"a\n/{i:03}.wav", 0, None, "not_a_file") for i in range(n)], listing.SCHEMA, orient="row"
    )
    table = verdicts.quarantined(files, {}, {})
    lines = list(verdicts.report(table, files, rows, {}))
    assert len(lines) == 22
    assert lines[-1] == "  and 280 more like the last"
    assert lines[1].startswith("  warning: a\\n/000.wav: ")


def test_what_is_known_of_a_data_set_is_compared_with_what_is_there():
    rows = pl.DataFrame({"key": ["a", "b", "c"], "shape": [[16_000], [16_001], [15_000]]})
    assert verdicts.odd(rows, 16_000, 3, None, None) == ([], {})
    whole = {"files_missing": 0, "odd_length": 0}  # one of four cannot be read, or is there twice
    assert verdicts.odd(rows[:2], 16_000, 4, 4, (1.0, 1.0)) == ([], whole)
    lines, counts = verdicts.odd(rows, 16_000, 3, 4, (1.0, 1.0))
    assert counts == {"files_missing": 1, "odd_length": 1}
    assert lines == [
        "warning: 3 files, where the whole data set has 4",
        "warning: 1 clips are not 1.000 to 1.000 s long, as all of this data set should be",
    ]
