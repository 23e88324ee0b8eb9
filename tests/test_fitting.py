from dataclasses import replace

import library
import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import MinMaxScaler

from soundstage import checkpoints, views
from soundstage.errors import SoundstageError
from soundstage.fitting import fit
from soundstage.loading import Segments, arrays
from soundstage.params import Component
from soundstage.store.shards import Row

KNN = Component("m", "knn", "stats", {})
SVM = Component("m", "svm", "stats", {"C": 10.0})


@pytest.fixture
def write(fill, tmp_path):
    """Return a function that writes a view of given rows."""

    def write(change, axes=("sample",), tracks=None):
        table, parts, rows, rejections = library.make(60)
        table = table if tracks is None else tracks(table)
        feature = fill("stats", [change(row) for row in rows], axes=axes, rejections=rejections)
        path = tmp_path / "data" / "views" / "m.parquet"
        views.write(views.build(table, parts, feature, model="m", target="genre", code="c"), path)
        return path

    return write


def fitted(component, path, tmp_path):
    return fit(component, path, seed=0, curves=tmp_path / "curves")


def test_an_input_of_more_than_a_row_is_refused_before_training(write, tmp_path):
    path = write(lambda row: Row(row.key, row.array.reshape(4, 3)), axes=("frame", "band"))
    with pytest.raises(SoundstageError, match=r"m: reads a row of numbers.*\(4, 3\)"):
        fitted(KNN, path, tmp_path)


def test_columns_without_numbers_are_named(write, tmp_path):
    def hole(row):
        missing = row.key == library.key("jig.00")
        return Row(row.key, np.where(missing & np.isin(np.arange(12), [2, 7]), np.nan, row.array))

    with pytest.raises(SoundstageError, match="m: input has no number in some rows of column 2, 7"):
        fitted(KNN, write(hole), tmp_path)


def test_a_class_of_two_clips_is_learnt(write, tmp_path):
    def two_polkas(table):
        polka = pl.col("track").is_in(["jig.00", "reel.01"])
        return table.with_columns(genre=pl.when(polka).then(pl.lit("polka")).otherwise("genre"))

    path = write(lambda row: row, tracks=two_polkas)
    model, about = fitted(SVM, path, tmp_path)
    assert about.classes == ("jig", "polka", "reel")
    assert checkpoints.predict(model, Segments(path, "train")).shape[1] == 3


def test_a_genre_missing_in_training_keeps_its_column(write, tmp_path):
    def polkas(table):
        polka = pl.col("track").is_in(["jig.08", "reel.09"])  # both in the test part
        return table.with_columns(genre=pl.when(polka).then(pl.lit("polka")).otherwise("genre"))

    path = write(lambda row: row, tracks=polkas)
    model, about = fitted(SVM, path, tmp_path)
    assert list(about.classes) == ["jig", "polka", "reel"]
    found = checkpoints.predict(model, Segments(path, "test"))
    assert found.shape[1] == 3
    assert (found[:, 1] == 0).all()
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)


def test_slices_of_a_group_are_kept_together_while_training(write, tmp_path):
    """Slices that know their song but not its genre: only who tears songs apart is sure of any."""
    rng = np.random.default_rng(0)

    def slices(row):
        return Row(row.key, (rng.normal(size=12) + 0.05 * rng.normal(size=(8, 12))).astype("f4"))

    path = write(slices, axes=("slice", "band"))
    model, _ = fitted(SVM, path, tmp_path)
    train = Segments(path, "train")
    assert len(train) == 8 * 36
    assert checkpoints.predict(model, train).max(1).mean() < 0.7
    alone = model.fit(*train.batch(range(len(train))), np.arange(len(train)))
    assert alone.predict_proba(train.batch(range(len(train)))[0]).max(1).mean() > 0.9


def test_a_scaler_is_fitted_on_all_parts_only_where_that_is_asked_for(write, tmp_path):
    path = write(lambda row: row)
    X = {part: arrays(path, part)[0] for part in ("train", "valid", "test")}
    for scaler_fit, rows in {"train": X["train"], "all": np.concatenate([*X.values()])}.items():
        component = Component("m", "knn", "stats", {"scaler": "minmax", "scaler_fit": scaler_fit})
        model, about = fitted(component, path, tmp_path)
        scaler = MinMaxScaler().fit(rows.astype(np.float64))
        np.testing.assert_array_equal(model.arrays["scaler.scale"], scaler.scale_)
        np.testing.assert_array_equal(model.arrays["scaler.min"], scaler.min_)
        checkpoints.save(model, about, tmp_path / scaler_fit)
        read, _ = checkpoints.load(tmp_path / scaler_fit)
        np.testing.assert_array_equal(read.predict_proba(X["test"]), model.predict_proba(X["test"]))


def test_rows_that_validate_and_test_count_once_for_a_scaler(write, tmp_path):
    path = write(lambda row: row)
    view = views.read(path)
    again = view.rows.filter(part="test").with_columns(part=pl.lit("valid"))
    rows = pl.concat([view.rows.filter(pl.col("part") != "valid"), again])
    views.write(replace(view, rows=rows), path)
    component = Component("m", "knn", "stats", {"scaler": "standard", "scaler_fit": "all"})
    model, _ = fitted(component, path, tmp_path)
    X = np.concatenate([arrays(path, part)[0] for part in ("train", "test")])
    np.testing.assert_allclose(model.arrays["scaler.mean"], X.mean(0, dtype=np.float64))
