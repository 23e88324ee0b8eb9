import numpy as np
import pytest

from soundstage.dsp import events


def test_rows_have_nan_where_nothing_is_given():
    table = events.rows("beat", start=[1.0, 2.0], duration=0.5)
    assert table.shape == (2, len(events.COLUMNS))
    given = dict(zip(events.COLUMNS, table.T, strict=True))
    np.testing.assert_array_equal(given.pop("level"), 3)
    np.testing.assert_array_equal(given.pop("start"), [1, 2])
    np.testing.assert_array_equal(given.pop("duration"), 0.5)
    assert all(np.isnan(values).all() for values in given.values())


def test_vectors_fill_twelve_columns():
    pitch, timbre = np.arange(24.0).reshape(2, 12), -np.arange(24.0).reshape(2, 12)
    table = events.table([events.rows("segment", start=[0, 1], pitch=pitch, timbre=timbre)])
    for i in range(12):
        np.testing.assert_array_equal(events.column(table, "segment", f"pitch_{i}"), pitch[:, i])
        np.testing.assert_array_equal(events.column(table, "segment", f"timbre_{i}"), timbre[:, i])


def test_a_table_is_sorted_by_level_and_start():
    parts = [
        events.rows("segment", start=[3.0, 0.0]),
        events.rows("beat", start=np.zeros(0)),
        events.rows("track", start=0.0),
        events.rows("section", start=[2.0, 1.0]),
    ]
    table = events.table(parts)
    assert table.dtype == events.DTYPE
    assert [events.LEVELS[int(level)] for level in table[:, 0]] == [
        "track",
        "section",
        "section",
        "segment",
        "segment",
    ]
    np.testing.assert_array_equal(table[:, events.COLUMNS.index("start")], [0, 1, 2, 0, 3])


def test_times_of_an_hour_are_right_to_a_millisecond():
    times = 3600 - np.arange(0, 1, 1e-3) / 7
    kept = events.column(events.table([events.rows("beat", start=times)]), "beat", "start")
    assert np.abs(kept - np.sort(times)).max() < 0.5e-3


def test_an_unknown_column_is_an_error():
    with pytest.raises(ValueError, match="tuple"):
        events.rows("track", start=0.0, tempi=120)
