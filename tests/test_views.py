import library
import numpy as np
import polars as pl
import pytest

from soundstage import views
from soundstage.errors import SoundstageError
from soundstage.params import Segment
from soundstage.splits import BY_SEGMENT, Parts
from soundstage.store.shards import Row


@pytest.fixture
def whole(fill):
    """Return tracks, parts and a feature of one array a clip."""
    table, parts, rows, rejections = library.make()
    return table, parts, fill("stats", rows, axes=("sample",), rejections=rejections)


def build(tracks, parts, feature, target="genre", **segment):
    cut = Segment(**segment) if segment else None
    return views.build(tracks, parts, feature, model="m", target=target, code="c", segment=cut)


def test_one_row_a_clip_with_its_label(whole):
    view = build(*whole)
    assert len(view.rows) == 20
    assert view.about.classes == ["jig", "reel"]
    assert view.about.input_shape == (library.LENGTH,)
    row = view.rows.row(by_predicate=pl.col("track") == "reel.03", named=True)
    assert row["target"] == [1]
    assert row["key"] == library.key("reel.03")
    assert row["part"] == "train"
    assert row["group"] == "tune1"


def test_a_quarantined_clip_has_a_row_with_its_reason_and_is_in_no_part(whole):
    view = build(*whole)
    row = view.rows.filter(track="reel.19").row(0, named=True)
    assert row["reason"] == "undecodable"
    assert "reel.19" not in set(view.part("test")["track"])


def test_tags_give_any_number_of_targets(whole):
    view = build(*whole, target="tags")
    assert view.about.multilabel
    assert view.about.classes == ["fiddle", "jig", "reel"]
    targets = dict(view.rows.select("track", "target").iter_rows())
    assert targets["jig.00"] == []
    assert targets["reel.01"] == [0, 2]


def test_slices_are_rows(fill):
    table, parts, rows, rejections = library.make()
    sliced = [Row(r.key, np.zeros((i % 3, 5, 2), np.float32)) for i, r in enumerate(rows)]
    view = build(
        table, parts, fill("mfcc", sliced, axes=("slice", "frame", "mfcc"), rejections=rejections)
    )
    assert view.about.input_shape == (5, 2)
    segments = view.rows.filter(pl.col("reason").is_null()).group_by("track").agg("segment")
    found = {track: sorted(indices) for track, indices in segments.iter_rows()}
    names = table["track"].to_list()
    assert found == {names[i]: list(range(i % 3)) for i in range(19) if i % 3}
    short = view.rows.filter(reason="too_short")
    assert set(short["track"]) == {names[i] for i in range(0, 19, 3)}


@pytest.mark.parametrize(
    ("length_of", "expected"),
    [
        (lambda i: 30 if i < 2 else 12, 12),  # the usual length, where there is one
        (lambda i: 10 + i, 15),  # songs: the middle one of the training clips, 0-5 and 10-15
        (lambda i: 10 + i if i < 14 else 1000, 15),  # two alike by chance do not decide
        (lambda i: 12 if i % 10 < 6 else 1_000_000, 12),  # nor do validation and test
    ],
    ids=["usual", "songs", "chance", "training"],
)
def test_the_input_shape_is_the_median_of_training(length_of, expected, fill):
    table, parts, rows, rejections = library.make()
    assert (parts.table["part"] == "train").arg_true().to_list() == [*range(6), *range(10, 16)]
    cut = [Row(r.key, np.zeros(length_of(i), np.int8)) for i, r in enumerate(rows)]
    view = build(table, parts, fill("ragged", cut, axes=("sample",), rejections=rejections))
    assert view.about.input_shape == (expected,)


def test_a_track_that_the_store_does_not_account_for_is_an_error(whole):
    table, parts, feature = whole
    table = table.with_columns(
        key=pl.when(pl.col("track") == "jig.00").then(pl.lit("0" * 32)).otherwise("key")
    )
    with pytest.raises(SoundstageError, match=r"jig.00: not in the store|no shard"):
        build(table, parts, feature)


def test_a_target_that_the_data_set_has_not_gives_an_empty_view_with_the_reason(whole):
    table, parts, feature = whole
    bare = table.with_columns(tags=pl.lit(None, pl.List(pl.String)))
    view = build(bare, parts, feature, target="tags")
    assert view.about.empty == "the data set has no tags to tell apart"
    assert len(view.rows) == 0


def test_a_view_survives_the_disk_and_equal_views_are_equal_bytes(whole, tmp_path):
    view = build(*whole)
    views.write(view, tmp_path / "a.parquet")
    views.write(build(*whole), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    read = views.read(tmp_path / "a.parquet")
    assert read.rows.equals(view.rows)
    assert read.about.input_shape == view.about.input_shape


def test_no_view_says_what_to_do(tmp_path):
    with pytest.raises(SoundstageError, match="run `dvc repro views@none`"):
        views.read(tmp_path / "none.parquet")


def test_a_model_cuts_clips_into_segments_along_their_last_axis(fill):
    table, parts, rows, rejections = library.make()
    bands = [Row(r.key, np.zeros((3, 10 + i), np.float32)) for i, r in enumerate(rows)]
    feature = fill("mel", bands, axes=("mel", "frame"), rejections=rejections)
    view = build(table, parts, feature, length=7)
    assert view.about.input_shape == (3, 7)
    counts = dict(view.rows.filter(pl.col("reason").is_null()).group_by("track").len().iter_rows())
    assert counts == {name: (10 + i) // 7 for i, name in enumerate(table["track"][:19])}
    at_most_two = build(table, parts, feature, length=7, count=2).rows.group_by("track").len()
    assert at_most_two["len"].max() == 2
    padded = build(table, parts, feature, length=22)  # from half a segment on
    assert set(padded.rows.filter(reason="too_short")["track"]) == {table["track"][0]}
    assert build(table, parts, feature, length=100).about.empty


def test_copies_of_a_clip_train_and_nothing_else(fill):
    table, parts, rows, rejections = library.make()
    copies = [Row(r.key, np.zeros((3, 2, 12), np.float32)) for r in rows]
    feature = fill("mel", copies, axes=("copy", "mel", "frame"), rejections=rejections)
    view = build(table, parts, feature, length=6)
    assert view.about.input_shape == (2, 6)
    found = (
        view.rows.filter(pl.col("reason").is_null())
        .group_by("part")
        .agg(pl.col("copy").n_unique(), pl.col("segment").n_unique(), pl.len())
    )
    assert sorted(found.rows()) == [
        ("test", 1, 2, 6),
        ("train", 3, 2, 72),
        ("valid", 1, 2, 8),
    ]


def test_a_split_by_segment_deals_slices_over_all_parts(fill):
    table, parts, rows, rejections = library.make()
    parts = Parts("by_segment", parts.split, parts.table.with_columns(part=pl.lit(BY_SEGMENT)))
    sliced = [Row(r.key, np.zeros((10, 5, 2), np.float32)) for r in rows]
    feature = fill("mfcc", sliced, axes=("slice", "frame", "mfcc"), rejections=rejections)
    view = build(table, parts, feature)
    read = view.rows.filter(pl.col("reason").is_null())
    assert read.select("track", "segment").n_unique() == len(read) == 190
    assert read.group_by("track").agg(pl.col("part").n_unique())["part"].max() == 3
    shares = dict(read["part"].value_counts(normalize=True).iter_rows())
    assert shares == pytest.approx({"train": 0.6, "valid": 0.2, "test": 0.2}, abs=0.08)
    assert sorted(view.rows.filter(track="reel.19")["part"]) == ["test", "train", "valid"]


def test_auto_is_the_genre_where_there_is_one_else_the_tags(whole):
    table, parts, feature = whole
    assert build(*whole, target="auto").about.target == "genre"
    bare = table.with_columns(genre=pl.lit(None, pl.String))
    assert build(bare, parts, feature, target="auto").about.target == "tags"
