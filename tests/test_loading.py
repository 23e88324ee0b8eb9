import library
import numpy as np
import pytest

import soundstage as ss
from soundstage import views
from soundstage.loading import Segments, fit
from soundstage.store.shards import Row


@pytest.fixture
def view(fill, tmp_path):
    """Return a function that writes a view and returns its path."""
    table, parts, rows, rejections = library.make()

    def write(target="genre", rows=rows, axes=("column",)):
        feature = fill("stats", rows, axes=axes, rejections=rejections)
        path = tmp_path / "data" / "views" / "m.parquet"
        built = views.build(table, parts, feature, model="m", target=target, code="c")
        views.write(built, path)
        return path

    write.rows = {row.key: row.array for row in rows}
    return write


def test_arrays_are_the_stores_rows_in_order_of_track(view):
    X, y = ss.arrays(view(), "train")
    assert X.shape == (12, library.LENGTH)
    assert y.dtype == np.int64
    names = Segments(view(), "train").rows["track"].to_list()
    assert names == sorted(names)
    for name, row, label in zip(names, X, y, strict=True):
        np.testing.assert_array_equal(row, view.rows[library.key(name)])
        assert library.GENRES[label] == name[:-3]


def test_tags_are_zeros_and_ones(view):
    _, y = ss.arrays(view("tags"), "test")
    assert y.dtype == np.float32
    assert y.shape == (3, 3)  # jig.08, jig.18 and reel.09; reel.19 is quarantined
    assert y.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_slices_are_taken_one_by_one(view):
    rows = [
        Row(key, np.stack([array.reshape(4, 3), array.reshape(4, 3) + 1]))
        for key, array in view.rows.items()
    ]
    X, _ = ss.arrays(view(rows=rows, axes=("slice", "frame", "band")), "valid")
    assert X.shape == (8, 4, 3)
    np.testing.assert_array_equal(X[0] + 1, X[1])


def test_loader_gives_every_segment_once_in_batches(view):
    X, y = ss.arrays(view(), "train")
    batches = list(ss.loader(view(), "train", batch_size=5))
    assert [len(batch) for batch, _ in batches] == [5, 5, 2]
    np.testing.assert_array_equal(np.concatenate([b.numpy() for b, _ in batches]), X)
    np.testing.assert_array_equal(np.concatenate([t.numpy() for _, t in batches]), y)


def test_shuffling_is_seeded_and_differs_between_epochs(view):
    def epochs(seed):
        loader = ss.loader(view(), "train", batch_size=12, shuffle_seed=seed)
        return [next(iter(loader))[0].numpy() for _ in range(2)]

    first, second = epochs(0)
    assert (first != second).any()
    assert sorted(first[:, 0]) == sorted(second[:, 0])
    again = epochs(0)
    np.testing.assert_array_equal(first, again[0])
    np.testing.assert_array_equal(second, again[1])
    assert (epochs(1)[0] != first).any()


def test_fit_cuts_and_pads():
    array = np.arange(6).reshape(2, 3)
    assert fit(array, (2, 2)).tolist() == [[0, 1], [3, 4]]
    assert fit(array, (3, 4)).tolist() == [[0, 1, 2, 0], [3, 4, 5, 0], [0, 0, 0, 0]]
    assert fit(array, (2, 3)) is array


def test_a_store_that_changed_since_the_view_is_an_error(view):
    path = view()
    before = path.read_bytes()
    view(rows=[Row(key, array + 1) for key, array in view.rows.items()])
    path.write_bytes(before)
    with pytest.raises(ss.SoundstageError, match="changed since the view was made"):
        ss.arrays(path, "train")


def test_an_empty_part_or_view_is_an_error(view, tmp_path):
    with pytest.raises(ss.SoundstageError, match="no readable clips in part 'tset'"):
        ss.arrays(view(), "tset")
    empty = views.About("m", "stats", "tags", (), (), "c", "the data set has no tags")
    path = tmp_path / "data" / "views" / "empty.parquet"
    views.write(views.View(empty, views.read(view()).rows[:0]), path)
    with pytest.raises(ss.SoundstageError, match="cannot have this data set: the data set has no"):
        ss.arrays(path, "train")
