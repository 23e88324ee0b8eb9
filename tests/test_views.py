import library
import numpy as np
import polars as pl
import pytest
from sklearn.model_selection import train_test_split

from soundstage import views
from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
from soundstage.params import Cut, Segment
from soundstage.splits import BY_SEGMENT, Parts
from soundstage.store.shards import Row


@pytest.fixture
def whole(fill):
    """Return tracks, parts and a feature of one array a clip."""
    table, parts, rows, rejections = library.make()
    return table, parts, fill("stats", rows, axes=("sample",), rejections=rejections)


CUT = Cut(longest=45.0, uneven=1.5, seconds=30.0, count=8)


def build(tracks, parts, feature, target="genre", cut=None, **segment):
    segment = Segment(**segment) if segment else None
    return views.build(
        tracks, parts, feature, model="m", target=target, code="c", segment=segment, cut=cut
    )


@pytest.fixture
def ragged(fill):
    """Return a function that gives tracks, parts and a feature of clips of given lengths."""

    def ragged(length_of, axes=("sample",), before=()):
        table, parts, rows, rejections = library.make()
        cut = [Row(r.key, np.zeros((*before, length_of(i)), np.int8)) for i, r in enumerate(rows)]
        return table, parts, fill("ragged", cut, axes=axes, rejections=rejections)

    return ragged


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


@pytest.mark.parametrize("change", ["rows", "about"])
def test_a_view_of_another_version_says_what_to_do(change, whole, tmp_path):
    path = tmp_path / "a.parquet"
    views.write(build(*whole), path)
    rows, about = pl.read_parquet(path), pl.read_parquet_metadata(path)["soundstage"]
    if change == "rows":
        rows = rows.drop("start")
    else:
        about = about.replace('"clips"', '"segment_length"')
    write_parquet(path, rows, {"soundstage": about})
    with pytest.raises(SoundstageError, match="another version of soundstage; run `dvc repro"):
        views.read(path)


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


def test_sklearn_rows_deals_all_slices_as_rows_of_one_table(fill):
    table, parts, rows, rejections = library.make()
    dealt = parts.table.with_columns(part=pl.lit(BY_SEGMENT))
    sliced = [Row(r.key, np.zeros((3 + i % 2, 5), np.float32)) for i, r in enumerate(rows)]
    feature = fill("stats", sliced, axes=("slice", "column"), rejections=rejections)
    by_row = build(table, Parts("sklearn_rows", parts.split, dealt), feature)
    every = build(table, parts, feature).rows.filter(pl.col("reason").is_null())
    names = every.sort("track", "segment").select("track", "segment").rows()
    test, valid = parts.split.test, parts.split.valid
    rest, expected = train_test_split(names, test_size=test, random_state=parts.split.seed)
    assert by_row.part("test").select("track", "segment").rows() == expected
    train, valid = train_test_split(
        rest, test_size=valid / (1 - test), random_state=parts.split.seed
    )
    assert by_row.part("train").select("track", "segment").rows() == train
    assert by_row.part("valid").select("track", "segment").rows() == valid
    assert len(by_row.rows.filter(track="reel.19")) == 3  # quarantined: in each part


def test_auto_is_the_genre_where_there_is_one_else_the_tags(whole):
    table, parts, feature = whole
    assert build(*whole, target="auto").about.target == "genre"
    bare = table.with_columns(genre=pl.lit(None, pl.String))
    assert build(bare, parts, feature, target="auto").about.target == "tags"


def test_starts_are_where_segments_begin(ragged):
    view = build(*ragged(lambda i: 10 + i), length=7, hop=3, at="all", count=2)
    found = view.rows.filter(track="reel.03").select("segment", "start").rows()
    assert found == [(0, 0), (1, 6)]  # of 0, 3 and 6
    assert view.rows.filter(track="jig.18").select("segment", "start").rows() == [(0, 6), (1, 18)]
    middle = build(*ragged(lambda i: 10 + i), seconds=7 / 16000, at="middle", count=1)
    assert middle.about.input_shape == (7,)
    assert middle.rows.filter(track="jig.18")["start"].to_list() == [10]


def test_slices_are_chosen_by_their_own_numbers(fill):
    table, parts, rows, rejections = library.make()
    parts = Parts("by_segment", parts.split, parts.table.with_columns(part=pl.lit(BY_SEGMENT)))
    sliced = [Row(r.key, np.zeros((10, 5, 2), np.float32)) for r in rows]
    feature = fill("mfcc", sliced, axes=("slice", "frame", "mfcc"), rejections=rejections)
    every, some = build(table, parts, feature), build(table, parts, feature, at="middle", count=3)
    readable = some.rows.filter(pl.col("reason").is_null())
    assert (
        readable.group_by("track").agg(pl.col("segment").sort())["segment"].to_list()
        == [[3, 4, 5]] * 19
    )
    assert set(readable["start"]) == {0}
    # Of a split by segment, a slice stays in the part that it is in without the choice.
    assert readable.equals(every.rows.filter(pl.col("segment").is_in([3, 4, 5])))
    assert every.about.heard == {"train": 1.0, "valid": 1.0, "test": 1.0}
    assert some.about.heard == {"train": 0.3, "valid": 0.3, "test": 0.3}
    assert some.about.warnings == {"cut": 19, "unreadable": 1}


def test_uneven_clips_are_cut_where_no_segment_is_given(ragged):
    """Of the training clips, 0-5 and 10-15, two are long, and so is a test clip, 18."""
    lengths = {0: 16_000, 1: 40_000, 18: 160_000, 17: 4_000, 16: 1_000}
    whole = ragged(lambda i: lengths.get(i, 1_600))
    view = build(*whole, cut=CUT)
    assert view.about.cut == (
        "m: clips are of 0.1 to 10 s, so they are cut into pieces of 0.1 s, at most 8 a clip; "
        "`segment` of the model says otherwise"
    )
    assert view.about.input_shape == (1_600,)
    starts = dict(view.rows.group_by("track").agg(pl.col("start").sort()).iter_rows())
    assert starts["jig.00"] == [1_600 * i for i in (0, 1, 3, 4, 5, 6, 8, 9)]
    assert starts["jig.18"] == [1_600 * (100 * (2 * i + 1) // 16) for i in range(8)]
    assert starts["reel.17"] == [0, 1_600]
    assert starts["jig.16"] == [0]
    assert view.about.clips == 20
    assert view.about.warnings == {"cut": 4, "padded": 1, "unreadable": 1}
    assert view.about.heard == {
        "test": round((8 + 1 + 1) / (100 + 1 + 1), 6),
        "train": round((8 + 8 + 10) / (10 + 25 + 10), 6),
        "valid": round(7_400 / 8_200, 6),  # clips 6, 7, 16 and 17
    }
    assert views.lines(view) == [
        view.about.cut,
        "m: 41 segments of ragged; hears 9 to 90 % of the audio of its clips; of 20 clips: "
        "4 cut, 1 padded, 1 unreadable",
    ]


def test_a_segment_or_clips_of_one_length_rule_out_the_default(ragged):
    uneven = ragged(lambda i: 160_000 if i == 18 else 1_600)
    assert build(*uneven, cut=CUT, length=800).about.cut == ""
    assert build(*uneven).about.warnings == {"cut": 1, "unreadable": 1}
    even = ragged(lambda i: 1_600 + i)
    plain, asked = build(*even), build(*even, cut=CUT)
    assert plain == views.View(asked.about, plain.rows)
    assert asked.rows.equals(plain.rows)
    assert views.lines(asked) == ["m: 19 segments of ragged; of 20 clips: 1 unreadable"]


def test_copies_are_cut_by_default_as_the_clip_is(ragged):
    table, parts, feature = ragged(
        lambda i: 90 if i == 18 else 10, ("copy", "mel", "frame"), (3, 2)
    )
    feature.index = dict(feature.index) | {"hop_length": 160}
    view = build(table, parts, feature, cut=CUT)
    assert "clips are of 0.1 to 0.9 s" in view.about.cut
    assert view.about.input_shape == (2, 10)
    assert view.rows.filter(track="jig.18", copy=0)["start"].to_list() == [
        10 * (9 * (2 * i + 1) // 16) for i in range(8)
    ]


def test_an_empty_view_says_why(whole):
    table, parts, feature = whole
    bare = table.with_columns(tags=pl.lit(None, pl.List(pl.String)))
    view = build(bare, parts, feature, target="tags")
    assert views.lines(view) == ["m: the data set has no tags to tell apart"]
