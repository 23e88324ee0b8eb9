"""Each public data set runs the pipeline end to end on its miniature replica, faults included.

The folder, whose layout is free, does so under DVC: see `conftest.finished`.
"""

import csv
import io
import os
import re
import shutil
import tarfile
import zipfile
from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest
import soundfile
from everything import run_everything
from replicas import Clip, JamendoTrack, Track, fma, gtzan, magnatagatune, mtg_jamendo

from soundstage.datasets import gtzan_features
from soundstage.features.librosa_stats import COLUMNS
from soundstage.report import offline
from soundstage.store.read import open_store

PITCH = {"blues": 200, "jazz": 800, "metal": 3200, "Rock": 300, "Hip-Hop": 1800}
PITCH |= {"guitar": 250, "techno": 2000}

SVM = {"kind": "svm", "input": "librosa_stats"}
KNN = {"kind": "knn", "input": "librosa_stats"}
LSTM = {
    "kind": "mfcc_lstm",
    "input": "mfcc",
    "training": {"epochs": 2, "batch_size": 8, "learning_rate": 0.01},
}


def tone(path, number, label, *, sr):
    """Write a second of a beating tone whose pitch tells the label, as its ending says."""
    rng = np.random.default_rng([number, *label.encode()])
    t = np.arange(sr) / sr
    hz = PITCH.get(label, 500) * rng.uniform(0.9, 1.1)
    y = 0.4 * np.sin(2 * np.pi * hz * t) * (1 + 0.5 * np.sign(np.sin(2 * np.pi * 4 * t)))
    y = (y + 0.01 * rng.standard_normal(t.size)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y, sr, subtype=None if path.suffix == ".mp3" else "PCM_16")


def move_to_zip(archive, *folders, method=zipfile.ZIP_STORED):
    """Write folders to an archive, and delete them."""
    with zipfile.ZipFile(archive, "w", method) as file:
        for folder in folders:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                file.write(path, path.relative_to(folder.parent))
            shutil.rmtree(folder)


@pytest.fixture
def run(once, tmp_path, monkeypatch):
    """Return a function that runs everything on a data set, of this entry and with this model."""
    charts = once("charts", lambda root: offline.write_bundle(root / "vega.js"))
    project = tmp_path / "project"
    shutil.copytree(charts, project / ".soundstage")
    monkeypatch.setattr(os, "sync", lambda: None)  # of all disks, after an archive is unpacked

    def run(entry, model, **changes):
        changes = {
            "dataset": "replica",
            "datasets": {"replica": entry},
            "model": "m",
            "models": {"m": model},
            "features": {"mfcc": {"slice_seconds": 0.5}},
            "evaluation": {"n_bootstrap": 20},
            "store": {"clips_per_shard": 8},
        } | changes
        return run_everything(project, monkeypatch, changes)

    return run


@pytest.mark.parametrize("folder", ["genres", "Data/genres_original"])
def test_the_copies_of_gtzan(run, tmp_path, folder, capsys):
    """The one on Kaggle holds tables of features and a picture of each clip besides."""
    root = tmp_path / "archive"
    for name in ("features_30_sec.csv", "images_original/blues/blues00000.png"):
        if folder != "genres":
            (root / "Data" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "Data" / name).write_bytes(b"\x89PNG, or a table")
    gtzan(root, ("blues", "jazz", "metal"), 8, partial(tone, sr=22050), folder=folder)
    (root / folder / "jazz" / "jazz.00054.wav").write_bytes(b"RIFF of the copies" * 50)
    with (root / "test_filtered.txt").open("a") as text:
        text.write("jazz/jazz.00054.wav\n")
    finished = run({"kind": "gtzan", "root": str(root)}, LSTM)
    ingest, test = finished.metrics("ingest/pcm8"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"], ingest["expected"]) == (25, 1, 1)
    assert (ingest["files_missing"], ingest["odd_length"]) == (1000 - 25, 24)
    assert f"note: known and broken: {folder}/jazz/jazz.00054.wav" in capsys.readouterr().out
    assert (test["split"], test["target"]) == ("fault_filtered", "genre")
    assert (test["n_listed"], test["n_quarantined"], test["n_scored"]) == (7, 1, 6)
    assert set(test["clip"]["class"]) == {"blues", "jazz", "metal"}


def test_the_original_archive_of_gtzan(run, tmp_path):
    sound = partial(tone, sr=22050)
    gtzan(tmp_path, ("blues", "jazz", "metal"), 8, sound, ending="au")
    with tarfile.open(tmp_path / "genres.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "genres", "genres")
    shutil.rmtree(tmp_path / "genres")
    finished = run({"kind": "gtzan", "root": str(tmp_path / "genres.tar.gz")}, SVM)
    ingest, test = finished.metrics("ingest/audio22k"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"]) == (24, 0)
    assert (test["split"], test["n_scored"]) == ("fault_filtered", 6)
    assert test["clip"]["accuracy"] == 1
    assert sorted(path.name for path in tmp_path.glob("*.*")) == [
        "genres.tar.gz", "test_filtered.txt", "train_filtered.txt", "valid_filtered.txt",
    ]  # fmt: skip


def test_the_tables_of_gtzan(run, tmp_path):
    root = tmp_path / "tables"
    root.mkdir()
    gtzan(root, ("blues", "jazz", "metal"), 8, lambda *_: None)
    rng = np.random.default_rng(0)
    with (root / gtzan_features.TABLES["3s"]).open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["filename", *COLUMNS, "label"])
        for k, genre in enumerate(("blues", "jazz", "metal")):
            for name in (f"{genre}.{i:05}.{j}.wav" for i in range(8) for j in range(2)):
                rows.writerow([name, *(3 * k + rng.standard_normal(len(COLUMNS))), genre])
    model = SVM | {"input": "librosa_stats_slices"}
    finished = run({"kind": "gtzan_features", "root": str(root), "table": "3s"}, model)
    test = finished.metrics("test")
    assert test["split"] == "fault_filtered"
    assert test["n_scored"] == test["n_listed"] == 3 * 2
    assert test["clip"]["accuracy"] == 1
    assert finished.metrics("leakage")["test"]["shares"]["song"] == 0
    store = open_store(finished.folder / "data/store")
    assert sources(store["librosa_stats_slices"]) == {gtzan_features.SOURCE: 24}


def noise(seconds, level):
    """Return an MP3 file of white noise."""
    file = io.BytesIO()
    y = level * np.random.default_rng(0).standard_normal(round(seconds * 44100))
    soundfile.write(file, y, 44100, format="MP3")
    return file.getvalue()


FMA_FILES = {"small": 8000, "medium": 25_000, "large": 106_574}
FMA_FAULTS = {
    98567: noise(0.5, level=0.1),
    99134: b"ID3\x03\0\0\0\0\0\x0a" + bytes(10),
    133297: b"",
    1486: b"",  # from here in medium alone
    130169: noise(1.0, level=1e-4),
    2624: b"<html>not found</html>",  # in large alone
}
FMA = [
    Track(1000 * i + 140 + j, artist=1 + i, part=part, genre=genre, genres=genres)
    for i, part in enumerate(("training",) * 4 + ("validation", "test"))
    for j, (genre, genres) in enumerate({"Rock": (12, 25), "Hip-Hop": (21, 76)}.items())
]
FMA += [
    Track(number, artist=90, subset=subset)
    for number, subset in zip(FMA_FAULTS, [*["small"] * 3, *["medium"] * 2, "large"], strict=True)
]
FMA += [Track(155320, artist=91, subset="large", genre="", genres=(25,))]


def fma_clip(path, number, genre, *, faults):
    tone(path, number, genre, sr=44100)
    if number in faults:
        path.write_bytes(faults[number])


@pytest.mark.parametrize(
    ("subset", "target", "listed", "quarantined"),
    [("small", "genre", 15, 2), ("medium", "genre", 17, 3), ("large", "tags", 19, 4)],
)
def test_the_clips_of_fma(run, tmp_path, capsys, subset, target, listed, quarantined):
    """Of medium there is the archive, with the metadata beside it."""
    root = tmp_path / "fma"
    fma(root, FMA, partial(fma_clip, faults=FMA_FAULTS), subset=subset)
    if subset == "medium":
        folder, root = root / "fma_medium", root / "fma_medium.zip"
        move_to_zip(root, folder, method=zipfile.ZIP_BZIP2)
    finished = run({"kind": f"fma_{subset}", "root": str(root)}, SVM, target=target)
    ingest, test = finished.metrics("ingest/audio22k"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"]) == (listed, quarantined)
    assert ingest["expected"] == quarantined
    assert ingest["files_missing"] == FMA_FILES[subset] - listed
    assert "odd_length" not in ingest  # its clips have no length in common
    said = capsys.readouterr().out
    assert "note: known to be broken (0.5 s instead of 30), and readable: " in said
    assert (" (nearly silent), and readable: " in said) == (subset != "small")
    assert not re.search(r"warning: \S*/[0-9]{6}\.mp3", said)
    assert (test["split"], test["target"], test["n_scored"]) == ("official", target, 2)
    assert test["clip"]["accuracy"] == 1
    assert finished.metrics("leakage")["test"]["shares"]["artist"] == 0


def test_the_whole_tracks_of_fma(run, tmp_path, capsys):
    """None is known to be broken: what is wrong with the clips came of cutting them."""
    faults = {2624: FMA_FAULTS[2624]}
    fma(tmp_path / "fma", FMA, partial(fma_clip, faults=faults), subset="full")
    finished = run({"kind": "fma_full", "root": str(tmp_path / "fma")}, SVM)
    ingest, test = finished.metrics("ingest/audio22k"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"], ingest["expected"]) == (19, 1, 0)
    assert "warning: fma_full/002/002624.mp3: " in capsys.readouterr().out
    assert (test["split"], test["target"], test["n_scored"]) == ("official", "genre", 2)
    assert test["clip"]["accuracy"] == 1


SEGMENT = """<segment start="{start}" duration="0.5">
  <loudness><dB time="0">-60.0</dB><dB type="max" time="0.11">-10</dB></loudness>
  <pitches>{pitches}</pitches><timbre>{timbre}</timbre></segment>"""


def analysis(tempo):
    """Return an analysis in the layout of those that come with MagnaTagATune."""
    pitches = "".join(f"<pitch>{i / 11}</pitch>" for i in range(12))
    timbre = "".join(f"<coeff>{10 * i}</coeff>" for i in range(12))
    segments = (SEGMENT.format(start=s, pitches=pitches, timbre=timbre) for s in (0.0, 0.5))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<analysis_of_a_clip><track duration="1.0" loudness="-9.25" tempo="{tempo}" tempoConfidence="0.6"
  timeSignature="4" timeSignatureConfidence="0.9" key="5" keyConfidence="0.3" mode="1"
  modeConfidence="0.4"><section start="0.0" duration="1.0"/>
<bar confidence="0.7"><beat><tatum>0.1</tatum></beat><beat><tatum>0.6</tatum></beat></bar>
{"".join(segments)}</track></analysis_of_a_clip>"""


@pytest.fixture
def clips(tmp_path):
    """Clips of MagnaTagATune: two tags that tell, one that does not, one clip that is empty."""
    empty = Clip(
        35644, "6", "norine_braun", ["guitar"],
        file="6/norine_braun-now_and_zen-08-gently-117-146.mp3",
    )  # fmt: skip
    clips = [
        Clip(
            10 * i + j + 2, folder, f"Artist {i}", [tag, "slow"] if i % 2 else [tag], title=tag
        )
        for i, folder in enumerate("012345ccdeff")
        for j, tag in enumerate(("guitar", "techno"))
    ]  # fmt: skip
    clips = [*clips, Clip(900, "f", "Artist 9"), empty]
    root = tmp_path / "mtt"
    magnatagatune(root, clips, ("techno", "slow", "guitar", "weird"), partial(tone, sr=16000))
    (root / empty.path).write_bytes(b"")
    return clips


def test_magnatagatune(run, tmp_path, clips, capsys):
    """Of four clips there are analyses; one is cut off, and of one the clip is no audio."""
    root = tmp_path / "mtt"
    texts = (analysis(90), analysis(120), analysis(150)[:-20], analysis(180))
    analysed = [*clips[:3], clips[-2]]
    paths = [root / "mp3_echonest_xml" / f"{clip.path}.xml" for clip in analysed]
    (root / clips[-2].path).write_bytes(b"no sound")
    for path, text in zip(paths, texts, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    svm = {"kind": "svm", "input": "echonest"}
    finished = run({"kind": "magnatagatune", "root": str(root), "tags": "top10"}, svm)
    ingest, test = finished.metrics("ingest/audio22k"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"], ingest["expected"]) == (26, 2, 1)
    assert (ingest["files_missing"], ingest["odd_length"]) == (25_863 - 26, 24)
    assert (test["split"], test["target"]) == ("official_folder_clean", "tags")
    assert (test["n_listed"], test["n_quarantined"], test["n_scored"]) == (8, 0, 8)
    assert set(test["clip"]["class"]) == {"guitar", "slow", "techno"}
    assert test["clip"]["class"]["guitar"]["roc_auc"] > 0.7
    assert "tuned" in test
    assert finished.metrics("leakage")["test"]["shares"]["song"] == 0

    store = open_store(finished.folder / "data/store")
    for feature in ("echonest_events", "echonest"):
        assert sources(store[feature]) == {"The Echo Nest": 3, "": 22}
    tempo = store["echonest"].index["columns"].index("tempo")
    names = [f"{clip.number:05}-{clip.path[2:].removesuffix('.mp3')}" for clip in analysed]
    found = [store["echonest"][name][tempo] for name in names]
    assert (found[0], found[1], found[3]) == (90, 120, 180)
    assert found[2] != 150
    said = capsys.readouterr().out
    assert f"warning: {paths[2]}:" in said
    assert str(paths[1]) not in said


def test_the_archive_of_magnatagatune(run, tmp_path, clips, capsys):
    """Its parts lie beside the tables; of sixty tags besides the clips' own most are in use."""
    root = tmp_path / "mtt"
    voices = [f"voice {i:02}" for i in range(60)]
    tagged = [
        replace(clip, tags=[*clip.tags, *voices[i % 2 :: 2]]) for i, clip in enumerate(clips[:-2])
    ]
    tagged += clips[-2:]
    magnatagatune(root, tagged, ("techno", *voices, "slow", "guitar", "weird"))
    move_to_zip(root / "mp3.zip", *sorted(root.glob("[0-9a-f]")))
    whole = (root / "mp3.zip").read_bytes()
    (root / "mp3.zip").unlink()
    for i in range(3):
        part = whole[i * len(whole) // 3 : (i + 1) * len(whole) // 3]
        (root / f"mp3.zip.{i + 1:03}").write_bytes(part)
    entry = {"kind": "magnatagatune", "root": str(root / "mp3.zip.001"), "tags": "top50"}
    finished = run(entry, LSTM, split={"name": "official_folder_full"})
    ingest, test = finished.metrics("ingest/pcm8"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"], ingest["expected"]) == (26, 1, 1)
    assert "note: known and broken: 6/norine_braun" in capsys.readouterr().out
    assert (test["split"], test["target"]) == ("official_folder_full", "tags")
    assert (test["n_listed"], test["n_scored"]) == (9, 9)
    assert set(test["clip"]["class"]) == {"guitar", "slow", "techno", *voices[:47]}


def sources(feature):
    """Count the rows of a feature by whose they are."""
    keys = feature.table()["key"]
    return Counter(feature.shard_of(key).sources.get(key, "") for key in keys)


def test_a_table_of_several_labels(run, tmp_path):
    root = tmp_path / "mine"
    rows = []
    for i in range(20):
        label = ("guitar", "techno")[i % 2]
        tone(root / "sounds" / f"{i}.wav", i, label, sr=16000)
        tags = f"{label}|slow" if i % 3 else label
        rows.append({"path": f"sounds/{i}.wav", "tags": tags, "artist": f"a{i // 2}"})
    (root / "sounds" / "19.wav").write_bytes(b"no sound")
    pl.DataFrame(rows).write_csv(root / "labels.csv")
    entry = {"kind": "table", "root": str(root), "table": "labels.csv"}
    finished = run(entry, LSTM, split={"valid": 0.2, "test": 0.3})
    test = finished.metrics("test")
    assert (test["split"], test["target"]) == ("group", "tags")
    assert finished.metrics("ingest/pcm8")["quarantined"] == 1
    assert test["n_scored"] == test["n_expected"] > 2
    assert finished.metrics("leakage")["test"]["shares"]["artist"] == 0


def test_a_table_of_one_label(run, tmp_path, capsys):
    """It is Parquet, lies in an archive with the audio, and says what trains and tests."""
    root = tmp_path / "mine"
    parts = ("train", "train", "train", "train", "dev", "testing")
    rows = [
        {"file": f"{label}/{i}.flac", "style": label, "singer": f"s{i}", "part": part}
        for i, part in enumerate(parts)
        for label in ("guitar", "techno")
    ]
    for i, row in enumerate(rows):
        tone(root / row["file"], i, row["style"], sr=16000)
    (root / "guitar" / "0.flac").write_bytes(b"no sound")
    pl.DataFrame(rows).write_parquet(root / "labels.parquet")
    move_to_zip(tmp_path / "mine.zip", root)
    columns = {"path": "file", "genre": "style", "artist": "singer", "split": "part"}
    entry = {"kind": "table", "root": str(tmp_path / "mine.zip"), "table": "labels.parquet"}
    finished = run(entry | columns, SVM, split={"name": "given"})
    ingest, test = finished.metrics("ingest/pcm8"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"], ingest["expected"]) == (12, 1, 0)
    assert "warning: guitar/0.flac: " in capsys.readouterr().out
    assert (test["split"], test["target"], test["n_scored"]) == ("given", "genre", 2)
    assert test["clip"]["accuracy"] == 1


def labelled_tone(path, number, label, *, sr):
    tone(path, number, label.partition("---")[2], sr=sr)


def test_mtg_jamendo(run, tmp_path):
    """Its tables lie beside the audio, in a copy of the repository; one tag is in no split."""
    parts = ["tvett", "tetvv", "vtttt", "ettte", "tttet"]
    tracks = [
        JamendoTrack(100 * i + j + 1, i + 1, [tag, "genre---rare"] if i % 2 else [tag], parts[i])
        for i in range(5)
        for j, tag in enumerate(("instrument---guitar", "genre---techno"))
    ]
    tracks += [JamendoTrack(999, 9, ["genre---rare"], "-----")]
    sound = partial(labelled_tone, sr=16000)
    mtg_jamendo(
        tmp_path / "audio", tracks, sound, tables="../mtg-jamendo-dataset/data",
        discarded=["genre---rare"], ending=".low.mp3",
    )  # fmt: skip
    finished = run({"kind": "mtg_jamendo", "root": str(tmp_path / "audio"), "tags": "all"}, SVM)
    ingest, test = finished.metrics("ingest/pcm8"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"]) == (11, 0)
    assert finished.metrics("ingest/tracks")["warning"] == {"missing_value": 1}
    assert (test["split"], test["target"], test["n_scored"]) == ("split-0", "tags", 2)
    assert set(test["clip"]["class"]) == {"instrument---guitar", "genre---techno"}
    assert finished.metrics("leakage")["test"]["shares"]["artist"] == 0


@pytest.mark.parametrize(("kind", "n", "different"), [("demo", 18, 18), ("demo30", 30, 20)])
def test_the_demos(run, kind, n, different):
    entry = {"kind": kind, "clips_per_style": 3, "seconds": 1.0}
    finished = run(entry, KNN, split={"valid": 0.3, "test": 0.3})
    ingest, test = finished.metrics("ingest/pcm8"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"]) == (n, 0)
    assert ingest["hours"] == pytest.approx(different / 3600, abs=1e-6)
    assert (test["split"], test["target"]) == ("group", "genre")
    assert test["n_scored"] == test["n_listed"] > 1
    assert finished.metrics("leakage")["test"]["shares"]["group"] == 0
