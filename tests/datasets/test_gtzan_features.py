import csv
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from soundstage import splits, tracks
from soundstage.datasets import _gtzan, gtzan_features
from soundstage.errors import SoundstageError
from soundstage.features.librosa_stats import COLUMNS
from soundstage.params import Split

REFERENCE = os.environ.get("SOUNDSTAGE_REFERENCE")


def write(folder, names, label=None):
    path = folder / gtzan_features.TABLES["3s"]
    with path.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["filename", *reversed(COLUMNS), "label"])
        for i, name in enumerate(names):
            values = [i + j / 100 for j in range(len(COLUMNS))]
            rows.writerow([name, *reversed(values), label or name.partition(".")[0]])
    return {path.name: path}


TENTHS = ["blues.00000.0.wav", "blues.00000.1.wav", "rock.00007.0.wav"]


def test_a_song_is_a_track_and_its_tenths_are_its_slices(tmp_path, capsys):
    metadata = write(tmp_path, TENTHS)
    table = gtzan_features.tracks([], metadata, table="3s")
    assert table.select("track", "path", "genre", "group", "song").rows() == [
        ("blues.00000", "features_3_sec.csv#blues.00000", "blues", "blues.00000", "blues.00000"),
        ("rock.00007", "features_3_sec.csv#rock.00007", "rock", "rock.00007", "rock.00007"),
    ]
    assert table["key"].n_unique() == 2
    assert set(table["key"].str.len_chars()) == {32}
    assert not capsys.readouterr().out


def test_the_statistics_are_found_by_the_names_of_their_columns(tmp_path):
    metadata = write(tmp_path, TENTHS)
    rows = gtzan_features.supplied(pl.DataFrame(), metadata, table="3s")["librosa_stats_slices"]
    keys = gtzan_features.tracks([], metadata, table="3s")["key"]
    assert rows["key"].to_list() == keys.to_list()
    read = gtzan_features.supplier("librosa_stats_slices", COLUMNS, tmp_path, metadata, table="3s")
    blues, rock = map(read, rows["name"])
    np.testing.assert_allclose(blues, np.arange(2)[:, None] + np.arange(58) / 100)
    np.testing.assert_allclose(rock, 2 + np.arange(58)[None] / 100)
    with pytest.raises(SoundstageError, match="lacks the column 'loudness'"):
        gtzan_features.supplier("f", ["loudness"], tmp_path, metadata, table="3s")(rows["name"][0])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["blues.00000.0.wav", "blues.00000.2.wav"], "3: is blues.00000.2 where blues.00000.1 is"),
        (["rock.00007.0.wav", "blues.00000.0.wav"], "2: is rock.00007.0 where blues.00000.0 is"),
        (["blues.00000.1.wav", "blues.00000.0.wav"], "2: is blues.00000.1 where blues.00000.0 is"),
    ],
)
def test_another_order_of_tenths_is_said(names, said, tmp_path, capsys):
    metadata = write(tmp_path, names)
    gtzan_features.tracks([], metadata, table="3s")
    assert f"features_3_sec.csv:{said} expected: segments are numbered" in capsys.readouterr().out
    read = gtzan_features.supplier("f", ["length"], tmp_path, metadata, table="3s")
    lines = {int(name.split(".")[2]): i for i, name in enumerate(names) if name[:5] == "blues"}
    assert read("blues.00000")[:, 0].tolist() == [lines[number] for number in sorted(lines)]


def test_a_row_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(SoundstageError, match=r"features_3_sec\.csv:4: is line 2 again"):
        gtzan_features.tracks([], write(tmp_path, [*TENTHS[:2], TENTHS[0]]), table="3s")


def test_rows_of_the_other_table_are_refused(tmp_path):
    whole = ["blues.00000.wav", "rock.00007.wav"]
    with pytest.raises(SoundstageError, match=r"csv:2: .* are named like blues\.00000\.3\.wav"):
        gtzan_features.tracks([], write(tmp_path, whole), table="3s")
    (tenths,) = write(tmp_path, TENTHS).values()
    with pytest.raises(SoundstageError, match=r"csv:2: .* are named like blues\.00000\.wav"):
        gtzan_features.tracks([], {gtzan_features.TABLES["30s"]: tenths})


@pytest.mark.parametrize("names", [["blues.0.0.wav"], ["polka.00000.0.wav"], [""]])
def test_a_row_that_is_no_song_is_named_with_its_line(names, tmp_path):
    with pytest.raises(SoundstageError, match=r"features_3_sec\.csv:2: "):
        gtzan_features.tracks([], write(tmp_path, names), table="3s")
    with pytest.raises(SoundstageError, match="with the label 'pop'"):
        gtzan_features.tracks([], write(tmp_path, ["rock.00000.0.wav"], label="pop"), table="3s")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda text: text.replace(b",rock", b",1,rock"),
            ":3: has not as many fields as the first",
        ),
        (lambda text: text.replace(b",rock", b""), ":3: has not as many fields as the first line"),
        (
            lambda text: text.replace(b",1.0,rock", b",nan,rock"),
            ":3: no finite number as length; get it",
        ),
        (
            lambda text: text.replace(b",1.0,rock", b",-inf,rock"),
            ":3: no finite number as length; get it",
        ),
        (
            lambda text: text.replace(b",1.0,rock", b",,rock"),
            ":3: could not convert .*; get it again",
        ),
        (lambda text: text.replace(b"rock.", b"\xe9."), ": is not UTF-8, get it again"),
        (lambda text: text + b"x" * 2**18, ": cannot be read, get it again: field larger"),
    ],
)
def test_a_damaged_table_is_named(damage, message, tmp_path):
    metadata = write(tmp_path, ["blues.00000.0.wav", "rock.00007.0.wav"])
    (file,) = metadata.values()
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(SoundstageError, match=rf"features_3_sec\.csv{message}"):
        gtzan_features.supplier("f", COLUMNS, tmp_path, metadata, table="3s")("rock.00007")


def test_no_table_says_what_to_put_where(tmp_path):
    with pytest.raises(SoundstageError, match=r"features_30_sec\.csv: no such file.*Say `root:`"):
        gtzan_features.fetch(tmp_path, tmp_path, {})


@pytest.mark.skipif(not REFERENCE, reason="SOUNDSTAGE_REFERENCE names no folder of real tables")
def test_the_real_table_has_the_published_split():
    folder = Path(str(REFERENCE), "gtzan")
    metadata = {n: folder / n for n in gtzan_features.METADATA if (folder / n).is_file()}
    assert metadata.keys() >= _gtzan._SHA256.keys()
    listing = pl.DataFrame(schema={"path": pl.String, "key": pl.String, "reason": pl.String})
    table = tracks.join(gtzan_features.tracks([], metadata), listing)
    assert len(table) == 1000
    assert table["reason"].null_count() == 1000
    assert set(table["genre"].value_counts()["count"]) == {100}
    for name, counts in {
        "fault_filtered": {"train": 443, "valid": 197, "test": 290},
        "fault_filtered_holdout": {"train": 640, "valid": 290, "test": 290},
    }.items():
        split = Split(name=name, seed=0, valid=0.1, test=0.1, folds=None, fold=0)
        _, parts = splits.split(table, split, honest=gtzan_features.HONEST)
        assert dict(parts["part"].value_counts().iter_rows()) == counts
    read = gtzan_features.supplier("librosa_stats", COLUMNS, folder, metadata)
    golden = dict(zip(COLUMNS, read("blues.00000"), strict=True))
    assert golden["length"] == 661_794
    assert golden["tempo"] == 123.046875
    assert golden["chroma_stft_mean"] == pytest.approx(0.35008812)
    assert golden["mfcc1_var"] == pytest.approx(2564.20752)
