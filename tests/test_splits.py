import polars as pl
import pytest
from sklearn.model_selection import train_test_split

from soundstage import splits, tracks
from soundstage.errors import SoundstageError
from soundstage.params import Split

SHARES = {"valid": 0.15, "test": 0.25}


def library(n_groups=60, per_group=3):
    rows = [
        (f"{genre}.{g}.{c}", genre, f"{genre}.{g}")
        for genre in ("rock", "pop")
        for g in range(n_groups)
        for c in range(per_group)
    ]
    table = pl.DataFrame(rows, ["track", "genre", "group"], orient="row")
    return table.with_columns(
        artist=pl.lit(None, pl.String),
        tags=pl.lit(None, tracks.SCHEMA["tags"]),
        splits=pl.lit(None, tracks.SCHEMA["splits"]),
    )


def deal(table, name="group", honest="group", **fields):
    wanted = Split(**({"name": name, "seed": 0, "folds": None, "fold": 0} | SHARES | fields))
    return splits.split(table, wanted, honest=honest)


def parts(table, name="group", **fields):
    return dict(deal(table, name, **fields)[1].iter_rows())


def test_no_group_is_in_two_parts():
    table = library()
    dealt = table.join(deal(table, seed=3)[1], on="track")
    assert (dealt.group_by("group").agg(pl.col("part").n_unique())["part"] == 1).all()


def test_every_track_is_dealt_and_the_shares_hold_in_each_genre():
    dealt = parts(library())
    assert len(dealt) == 360
    for genre in ("rock", "pop"):
        mine = [part for track, part in dealt.items() if track.startswith(genre)]
        assert mine.count("test") / len(mine) == pytest.approx(0.25, abs=0.02)
        assert mine.count("valid") / len(mine) == pytest.approx(0.15, abs=0.02)


def test_random_takes_groups_apart():
    table = library()
    dealt = table.join(deal(table, "random")[1], on="track")
    assert dealt.group_by("group").agg(pl.col("part").n_unique())["part"].max() > 1


def test_the_seed_matters_and_the_order_does_not():
    table = library()
    assert parts(table) == parts(table.reverse())
    assert parts(table) != parts(table, seed=1)


def test_a_new_group_moves_few_others():
    table = library()
    new = table[:1].with_columns(pl.lit("new").alias(name) for name in ("track", "group"))
    more = pl.concat([table, new])
    before, after = parts(table), parts(more)
    moved = {track.rpartition(".")[0] for track in before if before[track] != after[track]}
    assert len(moved) <= 2  # one at each border


def test_tracks_without_genres_are_dealt_by_their_tags_and_without_tags_where_asked_for():
    tags = pl.when(pl.col("track").str.ends_with(".0")).then(["loud"]).otherwise([])
    table = library().with_columns(genre=pl.lit(None, pl.String), tags=tags)
    assert set(parts(table).values()) == set(splits.PARTS)
    assert len(parts(table)) == 120
    assert len(parts(table, clips="all")) == len(parts(library())) == 360


def test_an_empty_part_is_an_error():
    with pytest.raises(SoundstageError, match="no clips for valid"):
        parts(library(), valid=0.0)


@pytest.mark.parametrize("unit", ["group", "artist", "album", "song"])
def test_folds_test_every_track_once_and_keep_what_belongs_together(unit):
    table = library().with_columns(pl.col("group").alias(unit))
    if unit != "group":  # which would keep them together too
        table = table.with_columns(group="track")
    tests = []
    for fold in range(5):
        dealt = table.join(deal(table, unit, folds=5, fold=fold)[1], on="track")
        assert (dealt.group_by(unit).agg(pl.col("part").n_unique())["part"] == 1).all()
        tests += dealt.filter(part="test")["track"].to_list()
        assert dealt["part"].value_counts(sort=True)["count"].to_list() == [216, 72, 72]
    assert sorted(tests) == sorted(table["track"])


@pytest.mark.parametrize("name", ["holdout", "tail"])
def test_without_a_third_part_the_test_clips_validate(name):
    dealt = deal(library(), name)[1]
    part = {p: set(dealt.filter(part=p)["track"]) for p in splits.PARTS}
    assert part["valid"] == part["test"]
    assert not part["train"] & part["test"]
    assert len(part["test"]) == 90
    assert len(part["train"]) == 270


def test_tail_takes_the_last_names():
    dealt = deal(library(), "tail")[1]
    assert dealt.filter(part="test")["track"].min() > dealt.filter(part="train")["track"].max()


def test_by_segment_deals_each_segment_by_its_shares_and_stays():
    name, table = deal(library(), "by_segment")
    assert set(table["part"]) == {splits.BY_SEGMENT}
    split = Split(name=name, seed=0, folds=None, fold=0, **SHARES)
    dealt = [splits.Parts(name, split, table).of_segments(t, 10) for t in table["track"]]
    counts = pl.Series([part for one in dealt for part in one]).value_counts(normalize=True)
    assert dict(counts.iter_rows()) == pytest.approx(
        {"train": 0.6, "valid": 0.15, "test": 0.25}, abs=0.02
    )
    assert splits.Parts(name, split, table).of_segments("rock.0.0", 3) == dealt[-180][:3]


def rows_of(n, **fields):
    split = {"name": "sklearn_rows", "seed": 42, "folds": None, "fold": 0} | SHARES | fields
    dealt = splits.Parts("sklearn_rows", Split(**split), pl.DataFrame()).of_rows(n)
    drawn = {part: {} for part in splits.PARTS}
    for row, (part, place) in enumerate(dealt):
        drawn[part][place] = row
    return [[of[place] for place in range(len(of))] for of in drawn.values()]


def test_sklearn_rows_are_drawn_as_scikit_learn_draws_them_and_in_its_order():
    assert set(deal(library(), "sklearn_rows")[1]["part"]) == {splits.BY_SEGMENT}
    train, valid, test = rows_of(9990, valid=0.0, test=0.3)
    expected = train_test_split(range(9990), test_size=0.3, random_state=42)
    assert (train, valid, test) == (expected[0], [], expected[1])
    assert (len(train), len(test)) == (6993, 2997)
    assert train != sorted(train)


def test_sklearn_rows_draw_validation_from_the_rest():
    parts = rows_of(9986, valid=0.14, test=0.3)  # the segments of paper 004's networks
    assert [len(part) for part in parts] == [5592, 1398, 2996]
    assert sorted(row for part in parts for row in part) == list(range(9986))
    rest, test = train_test_split(range(9986), test_size=0.3, random_state=42)
    assert parts == [*train_test_split(rest, test_size=0.2, random_state=42), test]


@pytest.mark.parametrize(("n", "shares"), [(10, {"test": 0.0}), (1, {}), (3, {"valid": 0.7})])
def test_sklearn_rows_that_leave_nothing_are_refused(n, shares):
    with pytest.raises(SoundstageError, match=rf"split 'sklearn_rows' of {n} segments: "):
        rows_of(n, **shares)


def test_the_data_sets_own_split_is_taken_by_name_and_by_honest():
    table = library(n_groups=2, per_group=2)
    own = [[{"split": "official", "part": p}] for p in ("train", "valid", "test", "test")]
    own[3].append({"split": "official", "part": "valid"})
    table = table.with_columns(splits=pl.Series([*own, *[None] * 4], dtype=tracks.SCHEMA["splits"]))
    assert deal(table, "official")[1].rows() == sorted(
        [
            ("rock.0.0", "train"),
            ("rock.0.1", "valid"),
            ("rock.1.0", "test"),
            ("rock.1.1", "test"),
            ("rock.1.1", "valid"),
        ]
    )
    assert deal(table, "honest", honest="official")[0] == "official"
    with pytest.raises(SoundstageError, match=r"no 'oficial'; did you mean 'official'\?"):
        deal(table, "oficial")
    with pytest.raises(SoundstageError, match="has no folds"):
        deal(table, "official", folds=5)


def test_a_unit_that_the_data_set_does_not_know_is_an_error():
    with pytest.raises(SoundstageError, match="the data set knows no artist"):
        deal(library(), "artist")


def test_parts_survive_the_disk(tmp_path):
    name, table = deal(library())
    split = Split(name="honest", seed=0, folds=None, fold=0, **SHARES)
    splits.write(splits.Parts(name, split, table), tmp_path / "splits.parquet")
    read = splits.read(tmp_path / "splits.parquet")
    assert (read.name, read.split) == (name, split)
    assert read.table.equals(table)
    with pytest.raises(SoundstageError, match="run `dvc repro split`"):
        splits.read(tmp_path / "none.parquet")
