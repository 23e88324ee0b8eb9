import polars as pl
import pytest
from replicas import JamendoTrack, mtg_jamendo

from soundstage import catalogue, paths, splits, tracks
from soundstage.datasets import mtg_jamendo as module
from soundstage.errors import SoundstageError
from soundstage.params import Component, Labels, Split

ROCK, PIANO, HAPPY, RARE = "genre---rock", "instrument---piano", "mood/theme---happy", "genre---ska"
TRACKS = [
    JamendoTrack(214, 14, [ROCK], "ttttt"),
    JamendoTrack(215, 14, [ROCK, PIANO], "ttttt"),
    JamendoTrack(1009600, 7, [PIANO, RARE, HAPPY], "vettt"),
    JamendoTrack(3524, 530, [ROCK, HAPPY], "evvvv"),
    JamendoTrack(12100, 531, [PIANO], "teeee"),
    JamendoTrack(77, 9, [RARE], "-----"),
]
NOTHING = pl.DataFrame(schema={"path": pl.String, "key": pl.String, "reason": pl.String})


def metadata(root, tags="all"):
    names = [name.format(tags=tags) for name in module.METADATA]
    return {name: root / name for name in names if (root / name).is_file()}


@pytest.fixture
def replica(tmp_path):
    root = tmp_path / "jamendo"
    mtg_jamendo(root, TRACKS, discarded=[RARE])
    return root


def test_tracks_have_their_tags_artist_album_length_and_parts(replica):
    table = tracks.join(module.tracks(["14/214.mp3"], metadata(replica), tags="all"), NOTHING)
    assert table["track"].to_list() == [
        "track_0000077", "track_0000214", "track_0000215", "track_0003524", "track_0012100",
        "track_1009600",
    ]  # fmt: skip
    row = table.row(1, named=True)
    assert (row["path"], row["tags"], row["genre"]) == ("14/214.mp3", [ROCK], None)
    assert (row["artist"], row["album"], row["song"]) == ("artist_000014", "album_000031", None)
    assert row["seconds"] == 124.6
    assert table["group"].to_list() == table["artist"].to_list()
    parts = {s["split"]: s["part"] for s in table.row(3, named=True)["splits"]}
    assert parts == {"split-0": "test", **{f"split-{i}": "valid" for i in range(1, 5)}}
    assert parts.keys() == set(module.SPLITS)


def test_tags_are_those_of_the_splits_and_tracks_without_any_are_in_none(replica):
    table = tracks.join(module.tracks([], metadata(replica), tags="all"), NOTHING)
    assert table["tags"].to_list()[-1] == [PIANO, HAPPY]
    assert table.row(0, named=True)["tags"] == table.row(0, named=True)["splits"] == []


def test_without_lists_all_tags_are_kept_and_no_split_is_known(replica, capsys):
    for file in replica.glob("data/splits/split-*/*-validation.tsv"):
        file.unlink()
    (replica / "14").mkdir()
    (replica / "14" / "214.mp3").touch()
    module.fetch(replica, replica / "own", metadata(replica), tags="all")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 5
    assert said[0] == (
        "warning: 'split-0' cannot be chosen in this run: "
        "splits/split-0/autotagging-validation.tsv is missing"
    )
    table = tracks.join(module.tracks([], metadata(replica), tags="all"), NOTHING)
    assert table["tags"].to_list()[0] == [RARE]
    assert table["splits"].list.len().sum() == 0


@pytest.mark.parametrize("name", ["honest", *module.SPLITS])
def test_the_five_splits_can_be_chosen(replica, name):
    table = tracks.join(module.tracks([], metadata(replica), tags="all"), NOTHING)
    asked = Split(name=name, seed=0, valid=0.2, test=0.2, folds=None, fold=0)
    chosen, parts = splits.split(table, asked, honest=module.HONEST)
    assert chosen == ("split-0" if name == "honest" else name)
    i = int(chosen[-1])
    meant = {"t": "train", "v": "valid", "e": "test"}
    expected = {f"track_{t.number:07}": meant[t.parts[i]] for t in TRACKS if t.parts[i] != "-"}
    assert dict(parts.iter_rows()) == expected


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["14/214.mp3"], "14/214.mp3"),
        (["14/214.low.mp3"], "14/214.low.mp3"),
        (["raw_30s/audio-low/14/214.low.mp3"], "raw_30s/audio-low/14/214.low.mp3"),
        (["a/14/214.low.mp3", "b/14/214.mp3"], "b/14/214.mp3"),
        (["b/14/214.mp3", "a/14/214.mp3"], "a/14/214.mp3"),
        (["15/214.mp3"], "14/214.mp3"),  # of another folder, so missing
    ],
)
def test_audio_at_any_depth_and_of_either_bit_rate(replica, files, found):
    table = module.tracks(files, metadata(replica), tags="all")
    assert table.filter(track="track_0000214")["path"].item() == found


@pytest.mark.parametrize(
    ("tags", "subset"),
    [("all", ""), ("genre", "_genre"), ("instrument", "_instrument"), ("top50", "_top50tags"),
     ("moodtheme", "_moodtheme")],
)  # fmt: skip
@pytest.mark.parametrize(
    "tables", ["data", ".", "mtg-jamendo-dataset/data", "../data", "../mtg-jamendo-dataset/data"]
)
def test_each_subset_wherever_its_tables_lie(tmp_path, monkeypatch, tags, subset, tables):
    root, project = tmp_path / "theirs" / "audio", tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.delenv("DVC_ROOT", raising=False)

    def sound(path, number, _label):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(str(number).encode())

    root.mkdir(parents=True)
    mtg_jamendo(root, TRACKS, sound, tables=tables, subset=subset, ending=".low.mp3")
    used = Component("mine", "mtg_jamendo", str(root), {"tags": tags})
    catalogue.fetch(used)
    catalogue.index(used, Labels())
    table = pl.read_parquet(paths.TRACKS)
    assert table["key"].null_count() == 0
    assert len(table) == len(TRACKS)
    assert catalogue.known().honest == "split-0"


def test_what_is_missing_says_how_to_get_it(replica, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for root, own in ((empty, tmp_path / "own"), (replica, replica)):
        with pytest.raises(SoundstageError, match=r"no MTG-Jamendo; get it by scripts/download"):
            module.fetch(root, own, metadata(replica), tags="all")
    (replica / "14").mkdir()
    (replica / "14" / "214.low.mp3").touch()
    module.fetch(replica, tmp_path / "own", metadata(replica), tags="all")
    with pytest.raises(SoundstageError, match=r"autotagging_top50tags\.tsv is missing; put"):
        module.fetch(replica, tmp_path / "own", metadata(replica), tags="top50")


def damaged(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("autotagging.tsv", "TRACK_ID", "ID", "its first line is not that of MTG-Jamendo's tables"),
        ("autotagging.tsv", "124.6", "", "could not convert string to float"),
        ("autotagging.tsv", "\talbum_000031", "", "string to float: 'genre---rock'"),
        ("autotagging.tsv", "track_0000214", "214", "'214' is no track"),
        ("autotagging.tsv", "genre---", "genre: ", "has other tags"),
        ("splits/split-2/autotagging-train.tsv", "track_0000214", "track_0000002",
         r"track_0000002 is not in autotagging\.tsv; get all tables from one version"),
        ("splits/split-0/autotagging-test.tsv", "track_0003524", "track_0000214",
         "track_0000214 is in two parts"),
    ],
)  # fmt: skip
def test_damaged_tables_are_refused(replica, name, old, new, said):
    damaged(replica / "data" / name, old, new)
    with pytest.raises(SoundstageError, match=said) as error:
        module.tracks([], metadata(replica), tags="all")
    assert str(replica / "data" / name) in str(error.value)


def test_a_link_that_was_written_as_text_is_refused(replica):
    (replica / "data" / "autotagging.tsv").write_text("raw_30s_cleantags_50artists.tsv")
    with pytest.raises(SoundstageError, match="copy what it names in its place"):
        module.tracks([], metadata(replica), tags="all")
