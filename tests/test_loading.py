import json
import os

import library
import numpy as np
import psutil
import pytest

import soundstage as ss
from soundstage import fingerprint, loading, views
from soundstage.loading import Segments, fit
from soundstage.params import Segment
from soundstage.store.shards import Rejection, Row

COLUMNS = [f"c{i}" for i in range(library.LENGTH)]


@pytest.fixture
def view(fill, tmp_path):
    """Return a function that writes a view and returns its path."""
    table, parts, rows, rejections = library.make()

    def write(target="genre", rows=rows, axes=("sample",)):
        columns = COLUMNS if axes == ("column",) else ()
        feature = fill("stats", rows, axes=axes, rejections=rejections, columns=columns)
        path = tmp_path / "data" / "views" / "m.parquet"
        built = views.build(table, parts, feature, model="m", target=target, code="c")
        views.write(built, path)
        return path

    write.rows = {row.key: row.array for row in rows}
    return write


@pytest.fixture
def from_files(monkeypatch):
    """Have every part read from its files, batch by batch, as one too large for memory is."""
    monkeypatch.setattr(loading, "HELD", 0)


def ragged(view, shape_of):
    """Return rows of differing shapes, whose values tell their places."""
    return [
        Row(key, np.arange(np.prod(shape_of(i)), dtype=np.float32).reshape(shape_of(i)) + 1 + i)
        for i, key in enumerate(view.rows)
    ]


@pytest.mark.parametrize("held", [0, loading.HELD], ids=["files", "memory"])
@pytest.mark.parametrize("axes", [("sample",), ("column",)], ids=["hdf5", "parquet"])
def test_arrays_are_the_stores_rows_in_order_of_track(axes, held, view, monkeypatch):
    monkeypatch.setattr(loading, "HELD", held)
    path = view(axes=axes)
    X, y = ss.arrays(path, "train")
    assert X.shape == (12, library.LENGTH)
    assert X.flags.writeable  # torch takes it as it is
    assert y.dtype == np.int64
    names = Segments(path, "train").rows["track"].to_list()
    assert names == sorted(names)
    for name, row, label in zip(names, X, y, strict=True):
        np.testing.assert_array_equal(row, view.rows[library.key(name)])
        assert library.GENRES[label] == name[:-3]


def test_tags_are_zeros_and_ones(view):
    _, y = ss.arrays(view("tags"), "test")
    assert y.dtype == np.float32
    assert y.shape == (3, 3)  # jig.08, jig.18 and reel.09; reel.19 is quarantined
    assert y.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("held", [0, loading.HELD], ids=["files", "memory"])
def test_slices_are_taken_one_by_one(held, view, monkeypatch):
    rows = [
        Row(key, np.stack([array.reshape(4, 3), array.reshape(4, 3) + 1]))
        for key, array in view.rows.items()
    ]
    path = view(rows=rows, axes=("slice", "frame", "band"))
    monkeypatch.setattr(loading, "HELD", held)
    X, _ = ss.arrays(path, "valid")
    assert X.shape == (8, 4, 3)
    segments = Segments(path, "valid")
    for x, (track, segment) in zip(X, segments.rows["track", "segment"].iter_rows(), strict=True):
        whole = view.rows[library.key(track)].reshape(4, 3)
        np.testing.assert_array_equal(x, whole + segment)
    # In any order, more than once, and one by one.
    np.testing.assert_array_equal(segments.batch([6, 1, 6])[0], X[[6, 1, 6]])
    np.testing.assert_array_equal(segments[5], X[5])


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


def test_fit_cuts_and_pads_with_silence():
    array = np.arange(6).reshape(2, 3)
    assert fit(array, (2, 2), "1").tolist() == [[0, 1], [3, 4]]
    assert fit(array, (3, 4), "1").tolist() == [[0, 1, 2, 0], [3, 4, 5, 0], [0, 0, 0, 0]]
    assert fit(array, (2, 3), "1") is array


def test_0_db_is_not_silence():
    mel = np.array([[-7, -30, -9], [-60, -50, -70]], np.float32)  # (band, frame)
    padded = fit(mel, (2, 5), "dB")
    assert padded.dtype == np.float32
    assert padded.tolist() == [[-7, -30, -9, -30, -30], [-60, -50, -70, -70, -70]]
    assert fit(mel, (2, 2), "dB").tolist() == [[-7, -30], [-60, -50]]


@pytest.mark.usefixtures("from_files")
@pytest.mark.parametrize("unit", ["full scale", "dB"])
@pytest.mark.parametrize(
    ("axes", "shape_of"),
    [(("sample",), lambda i: (8 + i,)), (("band", "frame"), lambda i: (3, 8 + i))],
    ids=["waveform", "spectrogram"],
)
def test_clips_of_all_lengths_are_cut_and_padded(axes, shape_of, unit, view, tmp_path):
    rows = ragged(view, shape_of)
    path = view(rows=rows, axes=axes)
    file = tmp_path / "data" / "store" / "stats" / "index.json"
    index = json.loads(file.read_text()) | {"unit": unit}
    index["checksum"] = fingerprint.digest({k: v for k, v in index.items() if k != "checksum"})
    file.write_text(json.dumps(index))

    segments = Segments(path, "train")
    n = segments.view.about.input_shape[-1]
    length_of = {row.key: row.array.shape[-1] for row in rows}
    lengths = [length_of[key] for key in segments.rows["key"]]
    assert min(lengths) < n < max(lengths)
    whole = {row.key: row.array for row in rows}
    X, _ = segments.batch(range(len(segments)))
    for x, key in zip(X, segments.rows["key"], strict=True):
        known = whole[key][..., :n]
        np.testing.assert_array_equal(x[..., : known.shape[-1]], known)
        silence = known.min(-1, keepdims=True) if unit == "dB" else 0
        assert (x[..., known.shape[-1] :] == silence).all()


@pytest.mark.usefixtures("from_files")
def test_of_a_long_clip_no_more_is_read_than_is_wanted(view, monkeypatch):
    path = view(rows=ragged(view, lambda i: (12 if i % 2 else 100_000,)))
    segments = Segments(path, "train")
    (wanted,) = segments.view.about.input_shape
    assert wanted == 12
    segments.batch(range(len(segments)))  # each row is checked once, whole
    read, preadv = [], os.preadv
    monkeypatch.setattr(os, "preadv", lambda *given: read.append(preadv(*given)) or read[-1])
    segments.batch(range(len(segments)))
    assert sum(read) == len(segments) * wanted * 4


@pytest.mark.usefixtures("from_files")
def test_few_files_are_open_at_a_time_and_none_afterwards(view, monkeypatch):
    monkeypatch.setattr(loading, "OPEN_FILES", 2)
    path, process = view(), psutil.Process()
    shards = list((path.parents[1] / "store" / "stats").glob("*.h5"))
    assert len(shards) > 4
    before = process.num_fds()
    segments = Segments(path, "train")
    assert process.num_fds() == before
    segments.batch(range(len(segments)))
    assert process.num_fds() == before + 2
    del segments
    assert process.num_fds() == before


@pytest.mark.usefixtures("from_files")
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda shard: os.truncate(shard, 3000), "shorter than it was; run"),
        (lambda shard: shard.unlink(), "No such file or directory; run"),
        (lambda shard: shard.replace(shard.with_name("other.h5")), "No such file"),
        (lambda shard: exchange(shard), "replaced while it was in use; run again"),
    ],
    ids=["cut", "gone", "renamed", "replaced"],
)
def test_a_shard_that_is_harmed_while_in_use_is_a_clear_error(harm, message, view, monkeypatch):
    path = view(rows=ragged(view, lambda _: (1000,)))
    if "shorter" not in message:
        monkeypatch.setattr(loading, "OPEN_FILES", 1)  # so that they are opened again
    segments = Segments(path, "train")
    whole = segments.batch(range(len(segments)))[0]
    for shard in (path.parents[1] / "store" / "stats").glob("[01]*.h5"):
        harm(shard)
    with pytest.raises(ss.SoundstageError, match=message):
        segments.batch(range(len(segments)))
    assert whole[0, -1] == whole[0, 0] + 999  # what was read stays as it was


def exchange(shard):
    other = shard.with_name(".other")
    other.write_bytes(shard.read_bytes())
    other.replace(shard)


@pytest.mark.parametrize("axes", [("sample",), ("column",)], ids=["hdf5", "parquet"])
def test_a_store_that_changed_since_the_view_is_an_error(axes, view, fill):
    path = view(axes=axes)
    key, array = next(iter(view.rows.items()))
    others = [Row(*row) for row in view.rows.items() if row[0] != key]
    now = {
        "another row": ([*others, Row(key, array + 1)], []),
        "no row": (others, [Rejection(key, "undecodable", "is text now")]),
    }
    columns = COLUMNS if axes == ("column",) else ()
    for rows, rejections in now.values():
        fill("stats", rows, axes=axes, rejections=rejections, columns=columns)
        with pytest.raises(ss.SoundstageError, match=r"jig.00: .* changed since the view was made"):
            ss.arrays(path, "train")


def test_an_empty_part_or_view_is_an_error(view, tmp_path):
    with pytest.raises(ss.SoundstageError, match="no readable clips in part 'tset'"):
        ss.arrays(view(), "tset")
    empty = views.About("m", "stats", "tags", (), (), "c", empty="the data set has no tags")
    path = tmp_path / "data" / "views" / "empty.parquet"
    views.write(views.View(empty, views.read(view()).rows[:0]), path)
    with pytest.raises(ss.SoundstageError, match="cannot have this data set: the data set has no"):
        ss.arrays(path, "train")


@pytest.mark.parametrize("held", [0, 2**20], ids=["files", "memory"])
def test_segments_and_copies_are_cut_out_of_their_clips(held, fill, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "HELD", held)
    table, parts, rows, rejections = library.make()
    rng = np.random.default_rng(0)
    for name, axes, shape in [
        ("waveform", ("sample",), (40,)),
        ("mel", ("mel", "frame"), (3, 20)),
        ("copies", ("copy", "mel", "frame"), (2, 3, 20)),
    ]:
        arrays = {r.key: rng.standard_normal(shape).astype(np.float32) for r in rows}
        feature = fill(name, [Row(*one) for one in arrays.items()], axes=axes,
                       rejections=rejections)  # fmt: skip
        view = views.build(
            table, parts, feature, model=name, target="genre", code="", segment=Segment(length=8)
        )
        path = tmp_path / "data" / "views" / f"{name}.parquet"
        views.write(view, path)
        segments = loading.Segments(path, "train")
        assert len(segments) == 12 * {"waveform": 5, "mel": 2, "copies": 4}[name]
        X, _ = segments.batch(range(len(segments)))
        for x, row in zip(X, segments.rows.iter_rows(named=True), strict=True):
            array = arrays[row["key"]]
            whole = array[row["copy"]] if name == "copies" else array
            start = row["start"]
            assert start == 8 * row["segment"]
            np.testing.assert_array_equal(x, whole[..., start : start + 8])


@pytest.mark.parametrize("held", [0, 2**20], ids=["files", "memory"])
@pytest.mark.parametrize(
    ("axes", "shape"),
    [(("sample",), (43,)), (("mel", "frame"), (3, 43)), (("copy", "mel", "frame"), (2, 3, 43))],
    ids=["waveform", "mel", "copies"],
)
@pytest.mark.parametrize("at", ["start", "middle", "all"])
def test_segments_begin_at_their_starts(at, axes, shape, held, fill, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "HELD", held)
    table, parts, rows, rejections = library.make()
    arrays = {r.key: np.random.default_rng(i).random(shape) for i, r in enumerate(rows)}
    arrays[library.key("jig.00")] = arrays[library.key("jig.00")][..., :6]  # to be padded
    feature = fill("x", [Row(*one) for one in arrays.items()], axes=axes, rejections=rejections)
    segment = Segment(length=8, hop=5, at=at, count=3)
    view = views.build(table, parts, feature, model="m", target="genre", code="", segment=segment)
    path = tmp_path / "data" / "views" / "m.parquet"
    views.write(view, path)
    segments = loading.Segments(path, "train")
    X, _ = segments.batch(range(len(segments)))
    assert len(X) == (1 + 11 * 3) * (2 if axes[0] == "copy" else 1)
    for x, row in zip(X, segments.rows.iter_rows(named=True), strict=True):
        array = arrays[row["key"]]
        whole = array[row["copy"]] if axes[0] == "copy" else array
        piece = whole[..., row["start"] : row["start"] + 8]
        np.testing.assert_array_equal(x[..., : piece.shape[-1]], piece)
        assert (x[..., piece.shape[-1] :] == 0).all()
    starts = set(segments.rows.filter(track="reel.01")["start"])
    assert starts == {"start": {0, 5, 10}, "middle": {12, 17, 22}, "all": {5, 20, 30}}[at]


def test_chosen_slices_are_those_of_their_numbers(fill, tmp_path):
    table, parts, rows, rejections = library.make()
    sliced = [Row(r.key, np.arange(60.0).reshape(10, 3, 2) + i) for i, r in enumerate(rows)]
    feature = fill("x", sliced, axes=("slice", "frame", "mfcc"), rejections=rejections)
    segment = Segment(at="all", count=3)
    view = views.build(table, parts, feature, model="m", target="genre", code="", segment=segment)
    path = tmp_path / "data" / "views" / "m.parquet"
    views.write(view, path)
    X, _ = ss.arrays(path, "test")
    whole = {row.key: row.array for row in sliced}
    expected = [
        whole[key][[1, 5, 8]] for key in view.part("test")["key"].unique(maintain_order=True)
    ]
    np.testing.assert_array_equal(X, np.concatenate(expected))
