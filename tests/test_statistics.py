import tracemalloc

import numpy as np
import polars as pl
import pytest

from soundstage import statistics as module
from soundstage.statistics import statistics
from soundstage.store.shards import Rejection, Row
from soundstage.tracks import SCHEMA

QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]


def key(i):
    return f"{i * 0x9E3779B97F4A7C15 % 2**128:032x}"


def table(keys, genres=None, tags=None):
    columns = {"key": keys, "genre": genres or [None] * len(keys), "tags": tags}
    return pl.DataFrame(columns, {name: SCHEMA[name] for name in columns}, strict=False)


def numbers(values):
    """Return what numpy says of all values at once, to six digits."""
    values = np.concatenate([np.ravel(v) for v in values]).astype(np.float64)
    low, *_ = quantiles = np.quantile(values, QUANTILES)
    found = {"mean": values.mean(), "deviation": values.std(), "05": low, "95": quantiles[-1]}
    return {name: float(f"{value:.6g}") for name, value in found.items()}


def flat(found):
    ends = {name: found["quantile"][name] for name in ("05", "95")}
    return {"mean": found["mean"], "deviation": found["deviation"]} | ends


@pytest.fixture
def spectra(fill, rng):
    """Twelve clips of 20 to 31 frames, the even ones far from zero; one more is rejected."""
    rows = [
        Row(key(i), rng.normal(1000 * (i % 2 == 0), 1 + i, (4, 20 + i)).astype(np.float32))
        for i in range(12)
    ]
    rejections = [Rejection(key(12), "undecodable", "no")]
    return rows, fill("spectra", rows, axes=("frequency", "frame"), rejections=rejections)


def test_an_arrays_numbers_are_those_of_all_its_values(spectra):
    rows, feature = spectra
    genres = ["even", "odd"] * 6 + ["even"]
    found = statistics(feature, table([key(i) for i in range(13)], genres))
    assert (found["count"], found["missing"], found["not_finite"]) == (12, 1, 0)
    assert flat(found) == numbers([row.array for row in rows])
    assert set(found["class"]) == {"even", "odd"}
    even, odd = found["class"]["even"], found["class"]["odd"]
    assert (even["count"], even["missing"]) == (6, 1)
    assert (odd["count"], odd["missing"]) == (6, 0)
    assert flat(even) == numbers([row.array for row in rows[::2]])
    assert flat(odd) == numbers([row.array for row in rows[1::2]])
    assert list(odd["quantile"]) == ["05", "25", "50", "75", "95"]


def test_it_counts_tracks_equal_files_twice_and_files_without_a_track_not_at_all(spectra):
    rows, feature = spectra
    found = statistics(feature, table([key(0), key(0), key(1), None], ["a", "b", "a", "b"]))
    assert (found["count"], found["missing"]) == (3, 1)
    assert flat(found) == numbers([rows[i].array for i in (0, 0, 1)])
    assert flat(found["class"]["b"]) == numbers([rows[0].array])
    assert found["class"]["b"]["missing"] == 1


def test_where_no_track_has_a_genre_the_classes_are_tags(spectra):
    rows, feature = spectra
    tags = [["fast", "harp"], ["fast"], [], None]
    found = statistics(feature, table([key(i) for i in range(4)], tags=tags))
    assert found["count"] == 4
    assert set(found["class"]) == {"fast", "harp"}
    assert flat(found["class"]["fast"]) == numbers([row.array for row in rows[:2]])
    assert found["class"]["harp"]["count"] == 1


def test_values_that_are_not_finite_are_counted_and_left_out(fill):
    values = np.array([[1, np.nan, 3], [np.inf, -np.inf, 5]], np.float32)
    nothing = np.full((2, 1), np.nan, np.float32)
    rows = [Row(key(0), values), Row(key(1), nothing)]
    feature = fill("f", rows, axes=("frequency", "frame"))
    found = statistics(feature, table([key(0), key(1)], ["some", "none"]))
    assert found["not_finite"] == 5
    assert flat(found) == numbers([[1, 3, 5]])
    assert found["class"]["none"] == {"count": 1, "missing": 0, "not_finite": 2}


def test_named_columns_have_numbers_each_and_means_by_class(fill, rng):
    X = rng.normal([[0, 100]], [[1, 7]], (9, 2))
    X[3, 1] = np.nan
    rows = [Row(key(i), x) for i, x in enumerate(X)]
    feature = fill("stats", rows, axes=("column",), columns=("tempo", "length"))
    found = statistics(feature, table([key(i) for i in range(9)], ["a"] * 4 + ["b"] * 5))
    assert (found["count"], found["missing"], found["not_finite"]) == (9, 0, 1)
    assert flat(found["column"]["tempo"]) == numbers([X[:, 0]])
    known = np.delete(X[:, 1], 3)
    assert flat(found["column"]["length"]) == numbers([known])
    assert found["column"]["length"]["not_finite"] == 1
    a = found["class"]["a"]
    assert a == {
        "count": 4,
        "missing": 0,
        "not_finite": 1,
        "mean": {"tempo": numbers([X[:4, 0]])["mean"], "length": numbers([known[:3]])["mean"]},
    }


def test_quantiles_of_long_clips_are_those_of_all_values_within_a_percent_of_rank(fill, rng):
    # Spectra that fall with frequency and swell and fade in time: nothing is where it is by chance.
    shape = np.exp(-np.arange(64) / 8)[:, None] * (1 + np.sin(np.arange(500) / 25))
    rows = [Row(key(i), (shape * rng.exponential(1, shape.shape)).astype("f4")) for i in range(8)]
    feature = fill("long", rows, axes=("frequency", "frame"))
    found = statistics(feature, table([row.key for row in rows]))
    values = np.sort(np.concatenate([row.array.ravel() for row in rows]))
    ranks = np.searchsorted(values, list(found["quantile"].values())) / values.size
    np.testing.assert_allclose(ranks, QUANTILES, atol=0.01)


def test_quantiles_take_the_first_clips_in_the_order_of_content_hashes(spectra, monkeypatch):
    rows, feature = spectra
    monkeypatch.setattr(module, "AT_MOST", 250)
    found = statistics(feature, table([row.key for row in rows]))
    first = sorted(rows, key=lambda row: row.key)[:3]
    assert sum(row.array.size for row in first[:2]) < 250 <= sum(row.array.size for row in first)
    of_first, of_all = (numbers([row.array for row in some]) for some in (first, rows))
    assert found["quantile"]["95"] == of_first["95"]
    assert found["mean"] == of_all["mean"]


def test_memory_does_not_grow_with_the_number_of_clips(fill, rng):
    rows = [Row(key(i), rng.normal(size=(100, 1000)).astype(np.float32)) for i in range(40)]
    feature = fill("big", rows, axes=("frequency", "frame"))
    peaks = []
    for n in (8, 40):
        tracemalloc.start()
        statistics(feature, table([row.key for row in rows[:n]]))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 0.5e6  # a clip is 0.4 MB; 32 more samples of it are 0.13 MB
