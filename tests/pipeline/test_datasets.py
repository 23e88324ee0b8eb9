"""Each public data set runs the pipeline end to end on its miniature replica, faults included."""

import csv
from collections import Counter
from functools import partial

import numpy as np
import polars as pl
import pytest
import soundfile
from everything import run_everything
from replicas import Clip, Track, fma, gtzan, magnatagatune

from soundstage.datasets import _render, gtzan_features
from soundstage.features.librosa_stats import COLUMNS
from soundstage.store.read import open_store

PITCH = {"blues": 200, "jazz": 800, "metal": 3200, "Rock": 300, "Hip-Hop": 1800}
PITCH |= {"guitar": 250, "techno": 2000}

SVM = {"kind": "svm", "input": "librosa_stats"}
LSTM = {
    "kind": "mfcc_lstm",
    "input": "mfcc",
    "training": {"epochs": 2, "batch_size": 8, "learning_rate": 0.01},
}


def tone(path, number, label, *, sr, seconds=1.0, bitrate=32_000):
    """Write a beating tone whose pitch tells the label, as MP3 or (by its ending) WAV."""
    rng = np.random.default_rng([number, *label.encode()])
    t = np.arange(round(seconds * sr)) / sr
    hz = PITCH.get(label, 500) * rng.uniform(0.9, 1.1)
    y = 0.4 * np.sin(2 * np.pi * hz * t) * (1 + 0.5 * np.sign(np.sin(2 * np.pi * 4 * t)))
    y = (y + 0.01 * rng.standard_normal(t.size)).astype(np.float32)[:, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".wav":
        soundfile.write(path, y, sr, subtype="PCM_16")
    else:
        _render.write(path, y, sr, bitrate)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs everything on a data set, of this entry and with this model."""

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
        return run_everything(tmp_path / "project", monkeypatch, changes)

    return run


def test_gtzan(run, tmp_path, capsys):
    root = tmp_path / "archive"
    gtzan(root, ("blues", "jazz", "metal"), 8, partial(tone, sr=22050))
    (root / "genres" / "jazz" / "jazz.00054.wav").write_bytes(b"RIFF of the copies" * 50)
    with (root / "test_filtered.txt").open("a") as text:
        text.write("jazz/jazz.00054.wav\n")
    finished = run({"kind": "gtzan", "root": str(root)}, LSTM)
    ingest, test = finished.metrics("ingest/pcm8"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"], ingest["expected"]) == (25, 1, 1)
    assert "note: known and broken: genres/jazz/jazz.00054.wav" in capsys.readouterr().out
    assert (test["split"], test["target"]) == ("fault_filtered", "genre")
    assert (test["n_listed"], test["n_quarantined"], test["n_scored"]) == (7, 1, 6)
    assert set(test["clip"]["class"]) == {"blues", "jazz", "metal"}


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
    finished = run({"kind": "gtzan_features", "root": str(root), "table": "3s"}, SVM)
    test = finished.metrics("test")
    assert test["split"] == "fault_filtered"
    assert test["n_scored"] == test["n_listed"] == 3 * 2 * 2
    assert test["clip"]["accuracy"] == 1
    assert finished.metrics("leakage")["test"]["shares"]["song"] == 0
    store = open_store(finished.folder / "data/store")
    assert sources(store["librosa_stats"]) == {gtzan_features.SOURCE: 48}


def test_fma_small(run, tmp_path, capsys):
    root = tmp_path / "fma"
    parts = ("training", "training", "training", "training", "validation", "test")
    tracks = [
        Track(1000 * i + 140 + j, artist=1 + i, part=part, genre=genre, genres=(12, 25))
        for i, part in enumerate(parts)
        for j, genre in enumerate(("Rock", "Hip-Hop"))
    ]
    broken = [Track(98567, artist=90), Track(99134, artist=90), Track(133297, artist=91)]
    fma(root, [*tracks, *broken], partial(tone, sr=44100, bitrate=128_000))
    sounds = root / "fma_small"
    tone(sounds / "098" / "098567.mp3", 98567, "Rock", sr=44100, seconds=0.5)
    (sounds / "099" / "099134.mp3").write_bytes(b"ID3\x03\0\0\0\0\0\x0a" + bytes(10))
    (sounds / "133" / "133297.mp3").write_bytes(b"")
    finished = run({"kind": "fma_small", "root": str(root)}, SVM)
    ingest, test = finished.metrics("ingest/audio22k"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"], ingest["expected"]) == (15, 2, 2)
    said = capsys.readouterr().out
    assert "note: known to be broken (0.5 s instead of 30), and readable: fma_small/098/" in said
    assert "warning: fma_small/" not in said
    assert (test["split"], test["n_scored"]) == ("official", 2)
    assert test["clip"]["accuracy"] == 1
    assert finished.metrics("leakage")["test"]["shares"]["artist"] == 0


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
    """Of three clips there are analyses, of which one is cut off."""
    root = tmp_path / "mtt"
    texts = (analysis(90), analysis(120), analysis(150)[:-20])
    paths = [root / "mp3_echonest_xml" / f"{clip.path}.xml" for clip in clips[:3]]
    for path, text in zip(paths, texts, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    svm = {"kind": "svm", "input": "echonest"}
    finished = run({"kind": "magnatagatune", "root": str(root), "tags": "top10"}, svm)
    ingest, test = finished.metrics("ingest/audio22k"), finished.metrics("test")
    assert (ingest["listed"], ingest["quarantined"], ingest["expected"]) == (26, 1, 1)
    assert (test["split"], test["target"]) == ("official_folder_clean", "tags")
    assert (test["n_listed"], test["n_quarantined"], test["n_scored"]) == (8, 0, 8)
    assert set(test["clip"]["class"]) == {"guitar", "slow", "techno"}
    assert test["clip"]["class"]["guitar"]["roc_auc"] > 0.7
    assert "tuned" in test
    assert finished.metrics("leakage")["test"]["shares"]["song"] == 0

    store = open_store(finished.folder / "data/store")
    for feature in ("echonest_events", "echonest"):
        assert sources(store[feature]) == {"The Echo Nest": 2, "": 23}
    tempo = store["echonest"].index["columns"].index("tempo")
    names = [f"{clip.number:05}-{clip.path[2:].removesuffix('.mp3')}" for clip in clips[:3]]
    assert [store["echonest"][name][tempo] for name in names[:2]] == [90, 120]
    assert store["echonest"][names[2]][tempo] != 150
    said = capsys.readouterr().out
    assert f"warning: {paths[2]}:" in said
    assert str(paths[1]) not in said


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
