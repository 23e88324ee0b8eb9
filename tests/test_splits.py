import polars as pl
import pytest

from soundstage import splits
from soundstage.errors import SoundstageError

SHARES = {"valid": 0.15, "test": 0.25}


def library(n_groups=60, per_group=3):
    rows = [
        (f"{genre}.{g}.{c}", genre, f"{genre}.{g}")
        for genre in ("rock", "pop")
        for g in range(n_groups)
        for c in range(per_group)
    ]
    return pl.DataFrame(rows, ["track", "genre", "group"], orient="row")


def parts(tracks, name="group", seed=0, **shares):
    table = splits.split(tracks, name, seed=seed, **(SHARES | shares))
    return dict(table.iter_rows())


def test_no_group_is_in_two_parts():
    tracks = library()
    dealt = tracks.join(splits.split(tracks, "group", seed=3, **SHARES), on="track")
    assert (dealt.group_by("group").agg(pl.col("part").n_unique())["part"] == 1).all()


def test_every_track_is_dealt_and_the_shares_hold_in_each_genre():
    dealt = parts(library())
    assert len(dealt) == 360
    for genre in ("rock", "pop"):
        mine = [part for track, part in dealt.items() if track.startswith(genre)]
        assert mine.count("test") / len(mine) == pytest.approx(0.25, abs=0.02)
        assert mine.count("valid") / len(mine) == pytest.approx(0.15, abs=0.02)


def test_random_takes_groups_apart():
    tracks = library()
    dealt = tracks.join(splits.split(tracks, "random", seed=0, **SHARES), on="track")
    assert dealt.group_by("group").agg(pl.col("part").n_unique())["part"].max() > 1


def test_the_seed_matters_and_the_order_does_not():
    tracks = library()
    assert parts(tracks) == parts(tracks.reverse())
    assert parts(tracks) != parts(tracks, seed=1)


def test_a_new_group_moves_few_others():
    tracks = library()
    more = pl.concat([tracks, pl.DataFrame([("new", "rock", "new")], tracks.columns, orient="row")])
    before, after = parts(tracks), parts(more)
    moved = {track.rpartition(".")[0] for track in before if before[track] != after[track]}
    assert len(moved) <= 2  # one at each border


def test_tracks_without_genres_are_dealt_too():
    tracks = library().with_columns(genre=pl.lit(None, pl.String))
    assert set(parts(tracks).values()) == set(splits.PARTS)


def test_an_empty_part_is_an_error():
    with pytest.raises(SoundstageError, match="no clips for valid"):
        parts(library(), valid=0.0)
