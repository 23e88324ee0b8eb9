from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from answers import random_predictions

from soundstage.errors import SoundstageError
from soundstage.metrics import stored
from soundstage.metrics.predictions import ROWS


def about(found, **changes):
    return stored.About(
        model="svm",
        dataset="demo",
        split="holdout",
        target="tags" if found.multi_label else "genre",
        classes=list(found.classes),
        train_shares=found.train_shares.tolist(),
        thresholds=changes.get("thresholds"),
    )


@pytest.mark.parametrize("multi_label", [False, True])
def test_comes_back_part_by_part(rng, tmp_path, multi_label):
    test = random_predictions(rng, 20, 3, multi_label=multi_label, segments=2)
    valid = replace(test, probability=test.probability[::-1])  # the same tracks validate
    path = tmp_path / "new" / "predictions.parquet"
    thresholds = [0.1, 0.2, 0.3] if multi_label else None
    said = about(test, thresholds=thresholds)
    stored.write({"test": test, "valid": valid}, said, path)
    for part, found in {"test": test, "valid": valid}.items():
        read, of_file = stored.read(path, part)
        assert of_file == said
        assert read.classes == found.classes
        np.testing.assert_array_equal(read.train_shares, found.train_shares)
        for name in ROWS:
            np.testing.assert_array_equal(getattr(read, name), getattr(found, name))


def test_is_a_table_for_everyone(rng, tmp_path):
    found = random_predictions(rng, 6, 3)
    stored.write({"test": found}, about(found), tmp_path / "p.parquet")
    rows = pl.read_parquet(tmp_path / "p.parquet")
    assert rows.columns == ["part", "track", "segment", "group", "target", "p_a", "p_b", "p_c"]
    assert set(rows["part"]) == {"test"}
    assert rows["p_b"].to_list() == found.probability[:, 1].tolist()


def test_says_what_is_missing(rng, tmp_path):
    path = tmp_path / "p.parquet"
    with pytest.raises(SoundstageError, match="no such file; run `dvc repro evaluate`"):
        stored.read(path)
    found = random_predictions(rng, 6, 3)
    stored.write({"test": found}, about(found), path)
    with pytest.raises(SoundstageError, match="LookupError: none of part 'valid'"):
        stored.read(path, "valid")
    stored.table(found).write_parquet(path)  # without part and metadata
    with pytest.raises(SoundstageError, match="HEAD's p: no predictions as this version writes"):
        stored.read(path, called="HEAD's p")
    path.write_bytes(b"no table")
    with pytest.raises(SoundstageError, match="no predictions as this version writes"):
        stored.read(path)
    stored.write({"test": found}, replace(about(found), classes=["a", "b", "d"]), path)
    with pytest.raises(SoundstageError, match=r"no predictions as this version writes.*p_d"):
        stored.read(path)
