import csv
import hashlib
import os
import zipfile

import polars as pl
import pytest
from replicas import FMA_COLUMNS, Track, fma
from server import serving

from soundstage import splits, tracks, unpack
from soundstage.audit import audit
from soundstage.datasets import _fma, fma_full, fma_large, fma_medium, fma_small
from soundstage.errors import SoundstageError
from soundstage.params import Split

MODULES = {"small": fma_small, "medium": fma_medium, "large": fma_large, "full": fma_full}
TRACKS = [
    Track(2, artist=1, part="test"),
    Track(5, artist=1, part="test", title=""),
    Track(140, artist=52, part="training", genre="Hip-Hop", genres=(21, 76)),
    Track(1482, artist=7, part="validation", subset="medium", genre="Electronic", seconds=20),
    Track(98565, artist=8, part="training", subset="large", genre="", genres=(25, 12), album=-1),
    Track(155320, artist=9, part="training", subset="large", genre="", genres=()),
]


@pytest.fixture
def replica(tmp_path):
    fma(tmp_path / "fma", TRACKS)
    return tmp_path / "fma"


def metadata(root):
    return {name: root / name for name in _fma.METADATA if (root / name).is_file()}


def row(table, track):
    return table.row(by_predicate=pl.col("track") == track, named=True)


def test_the_replica_has_the_columns_of_the_original(replica):
    with (replica / "fma_metadata" / "tracks.csv").open(newline="", encoding="utf-8") as text:
        rows = list(csv.reader(text))
    assert [len(names) for names in FMA_COLUMNS.values()] == [13, 17, 2, 20]
    assert {len(row) for row in rows} == {1 + 52}
    assert len(rows) == 3 + len(TRACKS)


def test_a_subset_holds_the_smaller_ones(replica):
    counts = {s: len(m.tracks([], metadata(replica))) for s, m in MODULES.items()}
    assert counts == {"small": 3, "medium": 4, "large": 6, "full": 6}


def test_a_track_and_all_that_is_known_of_it(replica):
    files = ["fma_small/000/000140.mp3"]
    table = fma_small.tracks(files, metadata(replica))
    assert row(table, "000140") == {
        "track": "000140",
        "path": "fma_small/000/000140.mp3",
        "genre": "Hip-Hop",
        "tags": ["Hip-Hop", "Experimental Pop"],
        "group": "AWOL (52)",
        "artist": "AWOL (52)",
        "album": "AWOL, volume 1 (1)",
        "song": "AWOL (52) / Food",
        "seconds": 30.0,
        "splits": [{"split": "official", "part": "train"}],
    }
    assert row(table, "000002")["path"] == "000/000002.mp3"  # it is missing
    assert row(table, "000005")["song"] is None


def test_tracks_without_a_genre_have_tags_and_without_an_album_none(replica):
    table = fma_full.tracks([], metadata(replica))
    assert row(table, "098565")["genre"] is None
    assert row(table, "098565")["tags"] == ["Punk", "Rock"]
    assert row(table, "098565")["album"] is None
    assert row(table, "155320")["tags"] == []
    listing = pl.DataFrame(schema={"path": pl.String, "key": pl.String, "reason": pl.String})
    assert tracks.join(table, listing)["reason"].to_list() == ["missing"] * 6


def test_whole_tracks_are_as_long_as_they_are_and_clips_at_most_30_s(replica):
    seconds = {s: m.tracks([], metadata(replica))["seconds"] for s, m in MODULES.items()}
    assert seconds["medium"].to_list() == [30, 30, 30, 20]
    assert seconds["full"].to_list() == [168, 168, 168, 20, 168, 168]


def test_a_file_of_the_subsets_own_folder_is_preferred(replica):
    files = [f"data/fma_{s}/000/000140.mp3" for s in ("full", "large", "small")]
    for subset, chosen in {"full": "full", "medium": "full", "small": "small"}.items():
        path = row(MODULES[subset].tracks(files, metadata(replica)), "000140")["path"]
        assert path == f"data/fma_{chosen}/000/000140.mp3"


def test_the_official_split_shares_no_artist(replica):
    listing = pl.DataFrame(schema={"path": pl.String, "key": pl.String, "reason": pl.String})
    table = tracks.join(fma_medium.tracks([], metadata(replica)), listing)
    asked = Split(name="honest", seed=0, valid=0.1, test=0.1, folds=None, fold=0)
    name, parts = splits.split(table, asked, honest=fma_medium.HONEST)
    assert fma_medium.SPLITS == (name,) == ("official",)
    assert dict(parts.iter_rows()) == {
        "000002": "test", "000005": "test", "000140": "train", "001482": "valid",
    }  # fmt: skip
    assert audit(table, parts, {}, {})["test"]["shares"]["artist"] == 0


def test_a_split_of_another_size_than_published_is_said(replica, monkeypatch, capsys):
    for subset, module in MODULES.items():
        assert sum(_fma.SIZES[subset]) == module.FILES
        module.tracks([], metadata(replica))
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("tracks.csv: deals (1, 0, 2) tracks of fma_small, not (6400, 800, 800)")
    assert said[3].endswith("(3, 1, 2) tracks of fma_full, not (84353, 10958, 11263)")
    monkeypatch.setitem(_fma.SIZES, "small", (1, 0, 2))
    fma_small.tracks([], metadata(replica))
    assert not capsys.readouterr().out


def test_the_metadata_may_lie_beside_the_audio_or_among_it(replica):
    beside = replica / "fma_small"
    beside.mkdir()
    assert len(fma_small.tracks([], metadata(beside))) == 3
    (replica / "fma_metadata").rename(beside / "x")
    assert metadata(beside) == {}
    for name in ("tracks.csv", "genres.csv"):
        (beside / "x" / name).rename(beside / name)
    assert len(fma_small.tracks([], metadata(beside))) == 3


def test_the_known_faults():
    assert set(fma_small.FAULTS) == {
        "098/098565.mp3", "098/098567.mp3", "098/098569.mp3",
        "099/099134.mp3", "108/108925.mp3", "133/133297.mp3",
        "107/107535.mp3", "110/110736.mp3", "119/119979.mp3",
    }  # fmt: skip
    assert len(fma_medium.FAULTS) == 21 + 4
    assert [path for path, why in fma_medium.FAULTS.items() if why == "nearly silent"] == [
        "130/130169.mp3", "107/107535.mp3", "110/110736.mp3", "119/119979.mp3",
    ]  # fmt: skip
    assert fma_small.FAULTS.items() <= fma_medium.FAULTS.items() <= fma_large.FAULTS.items()
    assert fma_medium.FAULTS["001/001486.mp3"] == "shorter than 30 s, or holds no audio"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace("genre_top", "top"), "lacks track.genre_top"),
        (lambda text: text[: text.index("\n")], "lacks"),
        (lambda text: f"{text}155321{',' * 60}\n", "track 155321 is cut off"),
        (lambda text: "".join(text.splitlines(keepends=True)[:3]), "cannot be read, get it again"),
        (lambda text: text[: text.rindex("large")], "track 155320 is cut off"),
        (lambda text: text.replace(",168,", ",long,", 1), "track 2 is cut off or damaged"),
        (
            lambda text: text.replace("comments", "c\udce9", 1),
            "is no tracks.csv of FMA, get it again",
        ),
        (lambda text: f'"{"," * 2**18}{text}', "is no tracks.csv of FMA, get it again: field larg"),
        (lambda _: "", "lacks"),
    ],
)
def test_a_damaged_table_is_named(replica, damage, message):
    file = replica / "fma_metadata" / "tracks.csv"
    file.write_text(damage(file.read_text("utf-8")), "utf-8", "surrogateescape")
    with pytest.raises(SoundstageError, match=rf"tracks\.csv: .*{message}"):
        fma_small.tracks([], metadata(replica))


def test_no_audio_says_what_to_put_where(replica):
    with pytest.raises(SoundstageError, match=r"holds no FMA.*000/000002\.mp3.*fma_medium\.zip"):
        fma_medium.fetch(replica, replica / "own", {})


def test_a_folder_of_the_users_own_needs_no_network(replica, monkeypatch):
    monkeypatch.setattr(_fma, "fetch_folder", None)
    clip = replica / "fma_small" / "000" / "000002.mp3"
    clip.parent.mkdir(parents=True)
    clip.touch()
    for root in (replica, replica / "fma_small"):
        fma_small.fetch(root, replica / "own", metadata(root))
    assert not (replica / "own").exists()


def test_what_is_missing_is_downloaded_and_unpacked(replica, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sync", lambda: None)
    fma(tmp_path / "x", TRACKS[:1], lambda path, *_: _touch(path))
    own = tmp_path / "data" / "raw" / "fma_small"
    with serving() as server:
        monkeypatch.setattr(_fma, "_ADDRESS", server.url("fma"))
        for what, root in {"small": tmp_path / "x", "metadata": replica}.items():
            archive = tmp_path / f"fma_{what}.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_BZIP2) as file:
                for path in sorted((root / f"fma_{what}").rglob("*.*")):
                    file.write(path, path.relative_to(root))
            server.files[f"fma/{archive.name}"] = archive.read_bytes()
            monkeypatch.setitem(_fma._SHA1, what, _sha1(archive))
        fma_small.fetch(own, own, {})
        asked = len(server.requests)
        for archive in (own / ".archives").iterdir():
            archive.unlink()
        fma_small.fetch(own, own, metadata(own))
        assert len(server.requests) == asked == 2
    assert unpack.is_unpacked(own / "fma_small")
    table = fma_small.tracks(["fma_small/000/000002.mp3"], metadata(own))
    assert (own / row(table, "000002")["path"]).is_file()


def _touch(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"sound")


def _sha1(path):
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
