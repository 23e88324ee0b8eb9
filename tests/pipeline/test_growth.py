"""What growth costs: a track more, less or renamed; in a fresh clone; on two branches."""

import json
import shutil

import pytest
from conftest import write_tone

TARGETS = ("features@slow", "features@librosa_stats")
SHARDS = {"pcm8", "audio22k", "slow", "librosa_stats"}


@pytest.fixture
def growing(counting, music, tmp_path):
    """The counting project on a copy of the music that may be changed."""
    counting.music = tmp_path / "music"
    shutil.copytree(music, counting.music, copy_function=shutil.copy2)
    counting.replace(f"root: {music}", f"root: {counting.music}")
    counting.run("dvc", "repro", *TARGETS)
    assert counting.computed() == 0
    counting.commit("music of its own")
    return counting


def add(project, name="new", hz=200.0):
    write_tone(project.music / "bass" / "newcomer" / f"{name}.wav", hz=hz, seconds=3.2, seed=77)


def rewritten(before, after):
    """Return, by feature, how many shards are new or gone."""
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {feature: sum(c.startswith(f"{feature}/") for c in changed) for feature in SHARDS}


def test_one_more_costs_one_extraction_and_one_shard_a_feature(growing):
    before = growing.inodes()
    add(growing)
    growing.run("dvc", "repro", *TARGETS)
    assert growing.computed() == 1
    # One shard is replaced; or one is gone and two have come.
    assert set(rewritten(before, growing.inodes()).values()) <= {1, 3}
    changed = json.loads(growing.run("dvc", "status", "--json", *TARGETS))
    assert changed == {}

    grown = growing.inodes()
    (growing.music / "bass" / "newcomer" / "new.wav").unlink()
    growing.run("dvc", "repro", *TARGETS)
    assert growing.computed() == 1
    assert set(rewritten(grown, growing.inodes()).values()) <= {1, 3}
    assert growing.inodes() == before


def test_another_name_or_genre_touches_no_audio_stage(growing):
    before = growing.inodes()
    file = growing.music / "bass" / "bassists1" / "bass2.wav"
    file.rename(growing.music / "treble" / "trebleists1" / "was-bass.wav")
    said = growing.run("dvc", "repro", *TARGETS, "views@svm")
    assert growing.inodes() == before
    assert growing.computed() == 0
    ran = growing.stages_run(said)
    assert not [stage for stage in ran if stage.startswith("features@")]
    assert "views@svm" in ran


def test_another_label_in_a_table_touches_no_audio_stage(growing):
    files = sorted(growing.music.glob("*/*/*.[wf]*"))
    rows = [f"{file.relative_to(growing.music)},{file.parts[-3]}" for file in files]
    table = growing.music / "tracks.csv"
    table.write_text("\n".join(["path,genre", *rows]) + "\n")
    growing.replace("dataset: folder ", "dataset: table ")
    growing.replace("kind: table, root: null", f"kind: table, root: {growing.music}")
    growing.run("dvc", "repro", *TARGETS, "views@svm")
    assert growing.computed() == 0
    before = growing.inodes()
    assert rows[0].endswith(",bass")
    table.write_text(table.read_text().replace(rows[0], rows[0].replace(",bass", ",treble")))
    said = growing.run("dvc", "repro", *TARGETS, "views@svm")
    assert growing.stages_run(said) == {"fetch", "index", "split", "views@svm"}
    assert growing.inodes() == before


def test_other_bytes_make_a_track_stale(growing):
    add(growing)
    growing.run("dvc", "repro", *TARGETS, "index")
    assert "up to date" in growing.run("soundstage", "why", "bass/newcomer/new", "slow")
    add(growing, hz=300.0)
    said = growing.run("soundstage", "why", "bass/newcomer/new", "slow")
    assert "(bass/newcomer/new.wav): the file's bytes have changed" in said


def test_a_fresh_clone_adds_a_track_with_one_extraction(growing, tmp_path):
    growing.publish(tmp_path / "remote")
    fresh = growing.clone(tmp_path / "fresh")
    fresh.run("dvc", "pull", "-q")
    assert fresh.store() == growing.store()
    add(growing)
    fresh.run("dvc", "repro", "features@slow")
    assert fresh.computed() == 1
    assert "all as written" in fresh.run("soundstage", "verify")


def test_a_fresh_clone_trains_with_its_view_alone(growing, tmp_path):
    growing.publish(tmp_path / "remote")
    fresh = growing.clone(tmp_path / "fresh")
    fresh.run("dvc", "pull", "-q", "data/views/svm.parquet")
    fresh.replace("C: 1.0", "C: 2.0")
    said = fresh.run("dvc", "repro", "--pull", "--allow-missing", "evaluate")
    ran = fresh.stages_run(said)
    assert {"train", "evaluate"} <= ran
    assert not [stage for stage in ran if stage.startswith(("decode", "features"))]
    assert fresh.computed() == 0
    assert "accuracy" in fresh.run("soundstage", "show")


def test_two_branches_of_two_machines_merge_without_extraction(growing, tmp_path):
    growing.publish(tmp_path / "remote")
    other = growing.clone(tmp_path / "other")
    other.run("dvc", "pull", "-q")
    other.music = growing.music
    for project, name, hz in ((growing, "one", 210), (other, "two", 220)):
        project.run("git", "checkout", "-q", "-b", name)
        add(project, name, hz)
        project.run("dvc", "repro", *TARGETS)
        assert project.computed() == 1
        project.commit(name)
        project.run("dvc", "push", "-q")
        file = growing.music / "bass" / "newcomer" / f"{name}.wav"
        file.rename(tmp_path / file.name)

    growing.run("git", "fetch", "-q", str(other.root), "two:two")
    growing.run("git", "merge", "-q", "-X", "ours", "two", "-m", "both")
    growing.run("dvc", "fetch", "-q", "--all-branches")
    for name in ("one.wav", "two.wav"):
        shutil.move(tmp_path / name, growing.music / "bass" / "newcomer" / name)
    growing.run("dvc", "repro", *TARGETS)
    assert growing.computed() == 1
    assert "all as written" in growing.run("soundstage", "verify")
