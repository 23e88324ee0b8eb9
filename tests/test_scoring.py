from dataclasses import replace

import library
import numpy as np
import polars as pl
import pytest

from soundstage import scoring, views
from soundstage.errors import SoundstageError
from soundstage.estimators import Estimator
from soundstage.loading import Segments
from soundstage.metrics.predictions import Predictions
from soundstage.models.knn import knn
from soundstage.splits import BY_SEGMENT
from soundstage.store.shards import Row

PIECES = 4


@pytest.fixture
def counted(fill, tmp_path):
    """Return a function from the parts of 20 clips of 4 slices to a part's Segments."""
    table, dealt, rows, rejections = library.make()
    sliced = [Row(row.key, np.zeros((PIECES, 5), np.float32)) for row in rows]
    feature = fill("mfcc", sliced, axes=("slice", "mfcc"), rejections=rejections)

    def counted(part, **changes):
        parts = replace(dealt, **changes)
        view = views.build(table, parts, feature, model="m", target="genre", code="c")
        views.write(view, tmp_path / "data" / "views" / "m.parquet")
        segments = Segments(tmp_path / "data" / "views" / "m.parquet", part)
        return table, parts, segments, answers(segments)

    counted.parts = dealt.table
    return counted


def answers(segments):
    """Predictions of nothing, for just these segments."""
    rows = segments.rows
    return Predictions(
        track=rows["track"].to_numpy().astype(str),
        segment=rows["segment"].to_numpy(),
        group=rows["group"].to_numpy().astype(str),
        y_true=segments.targets,
        probability=np.full((len(rows), 2), 0.5),
        classes=("jig", "reel"),
        train_shares=np.full(2, 0.5),
    )


def test_every_listed_clip_is_accounted_for(counted):
    counts = {"n_listed": 4, "n_quarantined": 1, "n_expected": 3, "n_scored": 3}
    assert scoring.counts(*counted("test")) == counts


def test_a_clip_without_a_score_or_without_a_place_is_an_error(counted):
    table, parts, segments, found = counted("test")
    short = found.rows(found.track != "jig.08")
    with pytest.raises(SoundstageError, match=r"2 clips were scored and 3 expected.*jig\.08"):
        scoring.counts(table, parts, segments, short)
    kept = parts.table.filter(pl.col("track") != "jig.08")
    moved = pl.concat([kept, pl.DataFrame({"track": ["jig.08"], "part": ["train"]})])
    with pytest.raises(SoundstageError, match=r"3 clips were scored and 2 expected.*jig\.08"):
        scoring.counts(table, replace(parts, table=moved), segments, found)


def test_clips_that_validate_and_test_count_in_both(counted):
    kept = counted.parts.with_columns(part=pl.col("part").replace("valid", "train"))
    again = kept.filter(part="test").with_columns(part=pl.lit("valid"))
    both = {"name": "holdout", "table": pl.concat([kept, again])}
    counts = {"n_listed": 4, "n_quarantined": 1, "n_expected": 3, "n_scored": 3}
    for part in ("valid", "test"):
        table, parts, segments, found = counted(part, **both)
        assert scoring.counts(table, parts, segments, found) == counts
        assert len(segments) == 3 * PIECES


def test_clips_dealt_by_segment_count_where_they_have_any(counted):
    dealt = counted.parts.with_columns(part=pl.lit(BY_SEGMENT))
    scored = {}
    for part in ("train", "valid", "test"):
        table, parts, segments, found = counted(part, name="by_segment", table=dealt)
        counts = scoring.counts(table, parts, segments, found)
        scored[part] = counts["n_scored"]
        assert counts["n_scored"] == len(set(segments.rows["track"]))
        assert counts["n_quarantined"] == 1  # in each part: nobody knows where it would be
        assert counts["n_listed"] == counts["n_scored"] + 1
        assert found.clips().track.tolist() == sorted(set(segments.rows["track"]))
        assert max(np.unique(found.track, return_counts=True)[1]) <= PIECES
    assert scored["train"] <= 19
    assert sum(scored.values()) > 19  # some clips are in more than one


def test_a_class_whose_only_test_clips_cannot_be_read_is_counted(counted):
    """The split has both genres in every part; the store refuses one of them its test clips."""
    *_, segments, _ = counted("test")
    assert scoring.warnings(segments.view, None) == {"unreadable": 1}
    unread = pl.when((pl.col("track").str.starts_with("reel")) & (pl.col("part") == "test"))
    rows = segments.view.rows.with_columns(reason=unread.then(pl.lit("silent")).otherwise("reason"))
    assert scoring.warnings(replace(segments.view, rows=rows), None) == {
        "unreadable": 1,
        "missing_class": 1,
    }


@pytest.mark.parametrize("name", ["by_segment", "sklearn_rows"])
def test_clips_with_segments_in_training_and_test_are_counted(counted, name):
    dealt = counted.parts.with_columns(part=pl.lit(BY_SEGMENT))
    *_, segments, _ = counted("test", name=name, table=dealt)
    rows = segments.view.rows.filter(pl.col("reason").is_null())
    both = rows.filter(part="test").join(rows.filter(part="train"), on="track", how="semi")
    torn = scoring.warnings(segments.view, None)["torn_clip"]
    assert 0 < torn == both["track"].n_unique() < 19
    assert "torn_clip" not in scoring.warnings(counted("test")[2].view, None)


@pytest.mark.parametrize(
    ("scaler", "fit", "found"),
    [("minmax", "all", 12), ("minmax", "train", None), ("none", "all", None)],
)
def test_a_scaler_that_saw_the_test_is_counted(counted, scaler, fit, found):
    *_, segments, _ = counted("test")
    model = Estimator(knn(scaler=scaler, scaler_fit=fit), np.full(2, 0.5), False)
    assert len(segments) == 12
    assert scoring.warnings(segments.view, model).get("scaled_on_test") == found


def test_a_clip_dealt_by_segment_of_which_no_part_has_any_is_an_error(counted):
    dealt = counted.parts.with_columns(part=pl.lit(BY_SEGMENT))
    table, parts, segments, found = counted("test", name="by_segment", table=dealt)
    lost = table.head(1).with_columns(track=pl.lit("jig.99"))
    table = pl.concat([table, lost])
    known = pl.concat([dealt, pl.DataFrame({"track": ["jig.99"], "part": [BY_SEGMENT]})])
    with pytest.raises(SoundstageError, match=r"the view is not of this split.*jig\.99"):
        scoring.counts(table, replace(parts, table=known), segments, found)
