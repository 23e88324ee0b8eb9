import gzip
import hashlib
import os
import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from replicas import Clip, magnatagatune
from server import serving

from soundstage import splits, tracks
from soundstage.audit import audit
from soundstage.datasets import _archives
from soundstage.datasets import magnatagatune as module
from soundstage.datasets.magnatagatune import ANNOTATIONS, CLIPS, FAULTS
from soundstage.dsp import events
from soundstage.errors import SoundstageError
from soundstage.params import Split

REFERENCE = os.environ.get("SOUNDSTAGE_REFERENCE")
real = pytest.mark.skipif(
    not REFERENCE, reason="SOUNDSTAGE_REFERENCE names no folder of real tables"
)

NOTHING = pl.DataFrame(schema={"path": pl.String, "key": pl.String, "reason": pl.String})
EMPTY = min(FAULTS)

# Twelve tags, of which those named by a number are so frequent; the columns are in no order.
TAGS = ("harp", "no voice", *(f"tag {n}" for n in (1, 3, 2, 9, 8, 7, 4, 5, 6)), "guitar")


def tags_of(i):
    """Give the clips with i < n the tag `tag n`: the more, the lower the clip's number."""
    return [f"tag {n}" for n in range(1, 10) if i < n] + ["guitar"] * (i < 10)


BACH = {"album": "J.S. Bach Solo Cantatas", "title": "BWV54 - I Aria"}
REPLICA = [
    *(Clip(2 + 4 * i, "09abcdef"[i % 8], f"Artist {i % 5}", tags_of(i)) for i in range(10)),
    Clip(300, "f", "American Bach Soloists", ["harp"], start=146, **BACH),
    Clip(58915, "f", "American Bach Soloists", start=30, **BACH),
    Clip(35644, "6", "Norine Braun", ["guitar", "tag 9"], file=EMPTY),
    Clip(1000, "d", "Artist 9", ["no voice", "harp", "guitar"]),
]
REPLICA.sort(key=lambda clip: clip.number)


@pytest.fixture
def replica(tmp_path):
    magnatagatune(tmp_path / "mtt", REPLICA, TAGS)
    return tmp_path / "mtt"


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("magnatagatune")
    for name in module.METADATA:
        with gzip.open(Path(str(REFERENCE), "magnatagatune", f"{name}.gz")) as packed:
            (folder / name).write_bytes(packed.read())
    return metadata(folder)


@pytest.fixture(scope="session")
def top10(reference):
    return tracks.join(module.tracks([], reference, tags="top10"), NOTHING)


@pytest.fixture(scope="session")
def top50(reference):
    return tracks.join(module.tracks([], reference), NOTHING)


def metadata(root):
    return {name: root / name for name in module.METADATA}


def row(table, number):
    return table.row(by_predicate=pl.col("track").str.starts_with(f"{number:05}-"), named=True)


def parts_of(table, name, **fields):
    asked = Split(name=name, seed=0, valid=0.1, test=0.1, folds=None, fold=0, **fields)
    return splits.split(table, asked, honest=module.HONEST)[1]


def counts(table, name):
    return dict(parts_of(table, name)["part"].value_counts().iter_rows())


def test_a_clip_and_all_that_is_known_of_it(replica):
    path = "f/american_bach_soloists-j_s__bach_solo_cantatas-01-bwv54___i_aria-146-175.mp3"
    table = module.tracks([f"mp3/{path}", "mp3/e/other.mp3"], metadata(replica), tags="all")
    assert row(table, 300) == {
        "track": "00300-american_bach_soloists-j_s__bach_solo_cantatas-01-bwv54___i_aria-146-175",
        "path": f"mp3/{path}",
        "tags": ["harp"],
        "group": "American Bach Soloists",
        "artist": "American Bach Soloists",
        "album": "American Bach Soloists / J.S. Bach Solo Cantatas",
        "song": "American Bach Soloists / J.S. Bach Solo Cantatas / 01 / BWV54 - I Aria",
        "seconds": 29.0,
        "splits": [
            {"split": "official_folder_full", "part": "test"},
            {"split": "official_folder_clean", "part": "test"},
            {"split": "tail1635", "part": "valid"},
            {"split": "tail1635", "part": "test"},
        ],
    }
    brought = {entry["split"] for entry in row(table, 300)["splits"]}
    assert brought == set(module.SPLITS)
    assert row(table, 58915)["tags"] == []
    assert row(table, 58915)["song"] == row(table, 300)["song"]
    assert row(table, 58915)["path"].startswith("f/american_bach")  # it is missing
    assert table["track"].is_sorted()


def test_the_most_frequent_tags_wherever_their_columns_are(replica):
    # guitar 12, tag 9 10, tag 8 8, tag 7 7, ... tag 3 3; harp and tag 2 2; no voice and tag 1 1
    order = ["guitar", *(f"tag {n}" for n in range(9, 2, -1)), "harp", "tag 2"]
    for tags, expected in {"top10": order, "all": [*order, "no voice", "tag 1"]}.items():
        table = module.tracks([], metadata(replica), tags=tags)
        assert set(table["tags"].explode().drop_nulls()) == set(expected)
    annotations = pl.read_csv(replica / ANNOTATIONS, separator="\t", infer_schema=False)
    assert module.top_tags(annotations) == [*order, "no voice", "tag 1"]


def test_the_official_split_goes_by_folders(replica):
    table = tracks.join(module.tracks([], metadata(replica), tags="all"), NOTHING)
    full = dict(parts_of(table, "official_folder_full").iter_rows())
    folders = {t: p.rpartition("/")[0] for t, p in table.select("track", "path").iter_rows()}
    assert len(full) == len(REPLICA) - 1
    expected = {**dict.fromkeys("09ab", "train"), "c": "valid", **dict.fromkeys("def", "test")}
    assert {folders[track]: part for track, part in full.items()} == expected
    clean = dict(parts_of(table, "honest").iter_rows())
    assert full.items() - clean.items() == {(row(table, 58915)["track"], "test")}


def test_an_empty_file_is_in_no_split(replica):
    table = module.tracks([], metadata(replica))
    assert row(table, 35644)["path"] == EMPTY
    assert row(table, 35644)["tags"] == ["guitar", "tag 9"]
    assert row(table, 35644)["splits"] == []


def test_the_tail_goes_by_numbers_and_by_the_ten_most_frequent_tags(replica, monkeypatch):
    monkeypatch.setattr(module, "_TAIL", 3)
    for tags in ("top10", "all"):
        table = tracks.join(module.tracks([], metadata(replica), tags=tags), NOTHING)
        tail = parts_of(table, "tail1635")
        held = {p: tail.filter(part=p)["track"].str.head(5).to_list() for p in splits.PARTS}
        assert held["test"] == held["valid"] == ["00038", "00300", "01000"]
        assert held["train"] == [f"{2 + 4 * i:05}" for i in range(9)]


def test_the_tables_are_needed_as_they_are(replica):
    file = replica / CLIPS
    file.write_text(file.read_text().replace("\t", ","))
    with pytest.raises(SoundstageError, match=r"clip_info_final\.csv: lacks the column .*by tabs"):
        module.tracks([], metadata(replica))
    (replica / ANNOTATIONS).write_text('"clip_id"\t"mp3_path"\n"two"\t"f/a.mp3"\n')
    with pytest.raises(SoundstageError, match=r"annotations_final\.csv: cannot be read, get it"):
        module.tracks([], metadata(replica))


@pytest.mark.parametrize("end", ["a while", "nan", "175,5"])
def test_an_end_that_is_no_number_is_named(replica, end):
    file = replica / CLIPS
    file.write_text(file.read_text().replace('"175"', f'"{end}"'))
    message = rf"clip_info_final\.csv: cannot be read, get it again: .*{end}.*segmentEnd.*$"
    with pytest.raises(SoundstageError, match=message):
        module.tracks([], metadata(replica))


def test_annotations_of_another_size_than_published_are_said(replica, monkeypatch, capsys):
    module.tracks([], metadata(replica))
    assert capsys.readouterr().out == (
        f"warning: {replica / ANNOTATIONS}: 14 clips and 12 tags, where the whole data set has "
        "25863 and 188\n"
    )
    monkeypatch.setattr(module, "FILES", 14)
    monkeypatch.setattr(module, "TAGS", 12)
    module.tracks([], metadata(replica))
    assert not capsys.readouterr().out


def test_the_echo_nests_analyses_belong_to_clips_of_the_same_name():
    listing = pl.DataFrame(
        [
            ("mp3/f/a-1.mp3", 9, "a" * 32),
            ("mp3/f/b-1.mp3", 9, "b" * 32),
            ("mp3/e/b-1.mp3", 9, "c" * 32),
            ("mp3/6/empty.mp3", 0, "d" * 32),
            ("mp3_echonest_xml/f/a-1.mp3.xml", 9, "1" * 32),
            ("mp3_echonest_xml/e/b-1.mp3.xml", 9, "2" * 32),
            ("mp3_echonest_xml/6/empty.mp3.xml", 9, "3" * 32),
            ("mp3_echonest_xml/f/stranger.mp3.xml", 9, "4" * 32),
            ("annotations_final.csv", 9, "5" * 32),
        ],
        {"path": pl.String, "size": pl.Int64, "key": pl.String},
        orient="row",
    )
    rows = module.supplied(listing, {})["echonest_events"]
    assert rows.columns == ["key", "name", "digest"]
    assert rows.rows() == [
        ("a" * 32, "mp3_echonest_xml/f/a-1.mp3.xml", "1" * 32),
        ("c" * 32, "mp3_echonest_xml/e/b-1.mp3.xml", "2" * 32),
    ]
    assert module.supplied(listing.filter(pl.col("path").str.ends_with(".mp3")), {}) == {}


def test_an_analysis_is_read_or_refused_with_its_reason(tmp_path, capsys):
    (tmp_path / "good.xml").write_text('<track duration="3" tempo="90" key="2"/>')
    (tmp_path / "bad.xml").write_text('<track duration="3"')
    read = module.supplier("echonest_events", ("tempo", "key"), tmp_path, {})
    np.testing.assert_array_equal(read("good.xml"), np.array([[90, 2]], events.DTYPE))
    assert read("bad.xml") is None
    said = capsys.readouterr().out
    assert "warning: " in said
    assert "bad.xml:1" in said
    assert said.endswith("the clip's analysis is computed from its audio instead\n")
    assert read("none.xml") is None


def test_no_audio_says_what_to_put_where(tmp_path):
    with pytest.raises(SoundstageError, match=r"holds no MagnaTagATune.*folders 0 to f.*mp3\.zip"):
        module.fetch(tmp_path, tmp_path / "own", {})


@pytest.fixture
def served(replica, tmp_path, monkeypatch):
    """A server of the replica, with two clips in an archive of three parts."""
    monkeypatch.setattr(os, "sync", lambda: None)
    archives = {name: tmp_path / name for name in ("mp3.zip", "mp3_echonest_xml.zip")}
    with zipfile.ZipFile(archives["mp3.zip"], "w") as file:
        file.writestr("0/a.mp3", b"sound")
        file.writestr("f/b.mp3", b"music")
    with zipfile.ZipFile(archives["mp3_echonest_xml.zip"], "w") as file:
        file.writestr("mp3_echonest_xml/0/a.mp3.xml", '<track duration="3"/>')
    whole = archives["mp3.zip"].read_bytes()
    third = len(whole) // 3 + 1
    with serving() as server:
        files = {name: (replica / name).read_bytes() for name in module.METADATA}
        files |= {f"mp3.zip.00{i + 1}": whole[i * third :][:third] for i in range(3)}
        files["mp3_echonest_xml.zip"] = archives["mp3_echonest_xml.zip"].read_bytes()
        server.files = {f"m/{name}": content for name, content in files.items()}
        monkeypatch.setattr(module, "_ADDRESS", server.url("m"))
        for table in (module._TABLES, module._AUDIO, module._ANALYSES):
            for name in table:
                md5 = hashlib.md5(files[name], usedforsecurity=False).hexdigest()
                monkeypatch.setitem(table, name, f"md5:{md5}")
        yield server


def test_without_a_folder_of_the_users_own_all_is_downloaded_once(served, tmp_path):
    own = tmp_path / "raw"
    module.fetch(own, own, {})
    assert (own / "mp3" / "0" / "a.mp3").read_bytes() == b"sound"
    assert (own / "mp3" / "f" / "b.mp3").read_bytes() == b"music"
    assert (own / "mp3_echonest_xml" / "0" / "a.mp3.xml").is_file()
    assert len(module.tracks([], metadata(own))) == len(REPLICA)
    shutil.rmtree(own / _archives.DOWNLOADS)
    asked = len(served.requests)
    module.fetch(own, own, metadata(own))
    assert len(served.requests) == asked == 6
    (own / CLIPS).write_text("mine")
    with pytest.raises(SoundstageError, match=r"clip_info_final\.csv: its md5 is"):
        module.fetch(own, own, metadata(own))


def test_the_echo_nests_analyses_may_be_missing(served, tmp_path, monkeypatch, capsys):
    served.files["m/mp3_echonest_xml.zip"] = b"other"
    own = tmp_path / "raw"
    module.fetch(own, own, {})
    assert "audio instead: mp3_echonest_xml.zip cannot be" in capsys.readouterr().out
    with serving() as gone:
        monkeypatch.setattr(module, "_ADDRESS", gone.url("m"))
    monkeypatch.setattr(time, "sleep", None)  # no run without a network waits for them
    monkeypatch.setenv("NO_PROXY", "*")
    module.fetch(own, own, metadata(own))
    assert "analyses are computed from the audio instead: mp3_echonest_xml.zip cannot be" in (
        capsys.readouterr().out
    )


def test_a_folder_of_the_users_own_is_not_written_to(served, tmp_path):
    root, own = tmp_path / "mine", tmp_path / "raw"
    clip = root / "mp3" / "f" / "b.mp3"
    clip.parent.mkdir(parents=True)
    clip.touch()
    shutil.copy(tmp_path / "mtt" / CLIPS, root)
    before = sorted(root.rglob("*"))
    module.fetch(root, own, {CLIPS: root / CLIPS})
    assert sorted(root.rglob("*")) == before
    assert [file.name for file in own.glob("*.csv")] == [ANNOTATIONS]
    assert len(served.requests) == 1


@real
def test_the_real_tables_hold_what_is_published(reference, top50):
    annotations = pl.read_csv(reference[ANNOTATIONS], separator="\t", infer_schema=False)
    names = module.top_tags(annotations)
    assert len(names) == 188
    assert (len(top50), *top50.select(pl.col("artist", "album", "song").n_unique()).row(0)) == (
        25_863, 230, 446, 5_405,
    )  # fmt: skip
    assert len(top50) == module.FILES
    assert set(FAULTS) < set(top50["path"])
    assert top50["track"][0].startswith("00002-american_bach_soloists")
    assert top50["track"][-1].startswith("58915-jacob_heringman")
    tops = "guitar, classical, slow, techno, strings, drums, electronic, rock, fast, piano, ambient"
    tops += ", beat, violin, vocal, synth, female, indian, opera, male, singing, vocals, no vocals"
    tops += ", harpsichord, loud, quiet, flute, woman, male vocal, no vocal, pop, soft, sitar, solo"
    tops += ", man, classic, choir, voice, new age, dance, female vocal, male voice, beats, harp"
    tops += ", cello, no voice, weird, country, female voice, metal, choral"
    assert names[:50] == tops.split(", ")
    positives = top50["tags"].explode().value_counts()
    in_order = [dict(positives.iter_rows())[name] for name in names[:10]]
    # Paper 000 prints 4274 for classical.
    assert in_order == [4852, 4272, 3547, 2954, 2729, 2598, 2519, 2371, 2306, 2056]


@real
def test_the_published_sizes_of_the_splits(top10, top50):
    full = {"train": 18_706, "valid": 1_825, "test": 5_329}
    assert counts(top50, "official_folder_full") == full
    assert counts(top10, "official_folder_full") == full
    assert counts(top50, "honest") == {"train": 15_247, "valid": 1_529, "test": 4_332}
    assert counts(top10, "honest") == {"train": 11_937, "valid": 1_266, "test": 3_269}
    # What is dealt with a seed are the same clips, and three empty files that are quarantined.
    assert len(parts_of(top50, "artist")) == 15_247 + 1_529 + 4_332 + 3 == 21_111
    assert len(parts_of(top50, "artist", clips="all")) == 18_706 + 1_825 + 5_329 + 3 == 25_863


@real
def test_the_tail_has_the_positives_of_paper_000(top10):
    tail = top10.join(parts_of(top10, "tail1635").filter(part="test"), on="track").sort("track")
    assert len(tail) == 1635
    assert tail["path"][0] == "6/barry_phillips-trad-14-polska_e__blinda_pelle-59-88.mp3"
    found = dict(tail["tags"].explode().value_counts().iter_rows())
    assert found == {
        "guitar": 706, "classical": 945, "slow": 365, "techno": 56, "strings": 457,
        "drums": 45, "electronic": 46, "rock": 90, "fast": 142, "piano": 315,
    }  # fmt: skip
    assert counts(top10, "tail1635") == {"train": 14_837, "valid": 1635, "test": 1635}


@real
def test_the_correlations_that_paper_000_prints(top50):
    """Table 3.1.1: the largest, of the clips with a top-50 tag; cut after four digits."""
    printed = {
        ("choir", "choral"): 0.6573, ("indian", "sitar"): 0.5910, ("female", "woman"): 0.5402,
        ("electronic", "techno"): 0.5107, ("female", "female vocal"): 0.4896,
        ("male", "male vocal"): 0.4886, ("strings", "violin"): 0.4535, ("male", "man"): 0.4403,
        ("female vocal", "woman"): 0.4349, ("metal", "rock"): 0.4263,
        ("classical", "strings"): 0.4247, ("male vocal", "man"): 0.4246,
        ("cello", "violin"): 0.4071,
    }  # fmt: skip
    kept = top50.filter(pl.col("tags").list.len() > 0)["tags"]
    names = sorted(kept.explode().unique())
    has = np.stack([kept.list.contains(name).to_numpy() for name in names], axis=1)
    r = np.triu(np.corrcoef(has.T.astype(float)), k=1)
    largest = np.argsort(r, axis=None)[::-1][: len(printed)]
    pairs = [(names[i], names[j]) for i, j in zip(*np.unravel_index(largest, r.shape), strict=True)]
    assert pairs == list(printed)
    assert [float(np.floor(value * 1e4) / 1e4) for value in r.ravel()[largest]] == list(
        printed.values()
    )


@real
def test_what_the_splits_share_with_training(top10, top50):
    def shared(table, name, part="test"):
        report = audit(table, parts_of(table, name), {}, {})[part]
        shares = [report["shares"][what] for what in ("song", "album", "artist")]
        return [report["clips"], *shares, round(report["label_shift"], 3)]

    assert shared(top50, "official_folder_clean", "valid") == [1529, 0, 0, 914, 0.133]
    assert shared(top50, "official_folder_clean") == [4332, 0, 0, 2680, 0.102]
    assert shared(top50, "official_folder_full")[1:4] == [0, 0, 3284]
    assert shared(top10, "official_folder_clean")[1:4] == [0, 0, 2069]
    assert shared(top10, "tail1635") == [1635, 0, 1626, 1628, 0.340]
    assert shared(top50, "artist") == [2088, 0, 0, 0, 0.193]
    clips, song, *_ = shared(top10, "holdout")  # what the text of paper 000 says that it did
    assert 0.92 < song / clips < 0.95
