import json

import polars as pl
import pytest

import soundstage as ss
from soundstage import params


def metrics(project, name="test"):
    return json.loads((project.root / "metrics" / f"{name}.json").read_text())


def test_everything_was_built(finished):
    store = ss.open(finished.root / "data" / "store")
    top = params.load(finished.root / "params.yaml").top
    assert set(store) == {*top.waveforms, *top.features}
    assert all(len(feature) == 30 for feature in store.values())
    views = {path.stem for path in (finished.root / "data" / "views").glob("*.parquet")}
    assert views == {"cnn1d", "cnn1d_chunk", "crnn2d_gru", "mfcc_lstm", "stats_cnn", "svm"}


def test_the_test_part_is_scored_and_accounted_for(finished):
    test = metrics(finished)
    assert test["n_scored"] == test["n_expected"] == test["n_listed"] - test["n_quarantined"] > 0
    chance = test["baseline"]["majority"]["accuracy"]
    assert test["clip"]["accuracy"] > chance + 0.3
    interval = test["clip"]["interval"]["accuracy"]
    assert interval["low"] <= test["clip"]["accuracy"] <= interval["high"]
    assert set(test["clip"]["class"]) == {"bass", "middle", "treble"}


def test_corrupt_and_foreign_files_are_quarantined_and_the_run_goes_on(finished):
    ingest = metrics(finished, "ingest/pcm8")
    assert ingest["listed"] == 31
    assert ingest["quarantined"] == 1
    assert ingest["reason"] == {"undecodable": 1}
    assert (
        "bass/bassists0/broken.mp3: undecodable" in (finished.root.parent / "said.txt").read_text()
    )


def test_the_default_split_shares_no_artist(finished):
    report = metrics(finished, "leakage")
    for part in ("valid", "test"):
        assert set(report[part]["shares"].values()) == {0}


def test_predictions_and_plots_are_there(finished):
    data = finished.root / "data"
    predictions = pl.read_parquet(data / "predictions.parquet")
    assert len(predictions.filter(part="test")) == metrics(finished)["n_scored"]
    plots = {"confusion", "confusion_votes", "confusion_segments", "roc", "pr"}
    assert {p.name for p in (data / "plots").iterdir()} == {f"{name}.csv" for name in plots}


def test_git_is_clean_after_a_run(finished):
    assert finished.run("git", "status", "--porcelain") == ""


def test_a_second_run_only_lists_the_files(project):
    assert project.stages_run(project.run("dvc", "repro")) == {"fetch"}
    assert project.run("git", "status", "--porcelain") == ""


def test_a_clone_can_compare_metrics(project, tmp_path):
    project.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    clone = type(project)(tmp_path / "clone")
    clone.replace('"accuracy"', '"accuracy_"', "metrics/test.json")
    assert "accuracy" in clone.run("dvc", "metrics", "diff")


def test_a_pull_brings_everything(project, tmp_path):
    project.run("dvc", "remote", "add", "-q", "-d", "store", str(tmp_path / "remote"))
    project.run("dvc", "push", "-q")
    project.commit("remote")
    project.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    clone = type(project)(tmp_path / "clone")
    clone.run("dvc", "pull", "-q")
    assert len(ss.open(clone.root / "data" / "store")["mel"]) == 30
    assert clone.run("dvc", "metrics", "diff") == ""


def test_an_experiment_reruns_only_its_models_chain(project):
    # Another feature's parameters are stale: the chosen model does not read it.
    project.replace("nperseg: 256", "nperseg: 128")
    said = project.run("dvc", "exp", "run", "-S", "model=stats_cnn", "evaluate")
    assert project.stages_run(said) == {"fetch", "train", "evaluate"}
    assert metrics(project)["model"] == "stats_cnn"
    said = project.run("dvc", "exp", "show", "--json")
    assert "stats_cnn" in said


def test_a_models_own_feature_is_recomputed(project):
    project.replace("slice_seconds: 3.0", "slice_seconds: 1.0")
    project.replace("epochs: 100", "epochs: 1")
    said = project.run("dvc", "repro", "-q", "views@mfcc_lstm", "features@mel")
    store = ss.open(project.root / "data" / "store")
    assert store["mfcc"]["bass/bassists1/bass2"].shape[0] == 3
    assert "error" not in said


def test_a_new_feature_invalidates_nothing(project):
    project.add_slow_feature()
    status = json.loads(project.run("dvc", "status", "--json"))
    assert set(status) == {"fetch", "features@slow", "describe@slow"}
    project.environment["SLOW_LOG"] = str(project.log)
    said = project.run("dvc", "repro", "features@slow")
    assert project.stages_run(said) == {"fetch", "features@slow"}
    assert project.computed() == 30


def test_a_mistake_stops_the_run_before_anything_is_computed(project):
    project.replace("n_fft: 2048", "n_ftt: 2048")
    project.replace("target: auto", "target: gerne")
    said = project.run("dvc", "repro", code=None)
    assert "features.mel.n_ftt: no such parameter; did you mean 'n_fft'?" in said
    assert "target: must be 'auto', 'genre' or 'tags', got 'gerne'" in said
    assert project.stages_run(said) == {"fetch"}
    assert "Traceback" not in said


def test_a_wrong_name_of_a_model_is_told_with_the_nearest(project):
    project.replace("model: svm ", "model: svn ")
    said = project.run("dvc", "repro", "evaluate", code=None)
    assert "model: no 'svn'; did you mean 'svm'?" in said
    assert project.stages_run(said) == {"fetch"}


def test_a_models_code_counts_wherever_it_is_and_neither_comments_nor_other_models(project):
    """The svm has its pipeline from a file beside it, and nothing from the blocks of networks."""
    package = project.root / "src" / "soundstage"
    shared = package / "models" / "_pipeline.py"
    own = package / "models" / "svm.py"
    own.write_text(own.read_text() + "# why\n")
    assert "views@svm" in json.loads(project.run("dvc", "status", "--json"))  # an edit is seen ...
    said = project.run("dvc", "repro", "evaluate")
    assert project.stages_run(said) == {"fetch", "views@svm"}  # ... and gives the same view
    for file, more in ((shared, "# why\n"), (package / "nn" / "conv_block.py", "UNUSED = 1\n")):
        file.write_text(file.read_text() + more)
    assert project.stages_run(project.run("dvc", "repro", "evaluate")) == {"fetch"}
    shared.write_text(shared.read_text() + "UNUSED = 1\n")
    said = project.run("dvc", "repro", "evaluate")
    assert project.stages_run(said) == {"fetch", "views@svm", "train", "evaluate"}


def test_too_many_rejected_files_stop_the_run_with_their_list(project):
    project.replace("max_rejected_share: 0.1", "max_rejected_share: 0.01")
    said = project.run("dvc", "repro", code=None)
    assert "1 of 31 files give no audio, more than decode.max_rejected_share = 0.01" in said
    assert "bass/bassists0/broken.mp3: undecodable" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("model", ["cnn1d", "mfcc_lstm"])
def test_another_model_runs(project, model):
    project.replace("epochs: 100", "epochs: 1")
    for _ in range(3):
        project.replace("epochs: 10,", "epochs: 1,")
    project.commit()
    said = project.run("dvc", "exp", "run", "-S", f"model={model}", "evaluate")
    ran = project.stages_run(said)
    assert ran <= {"fetch", f"views@{model}", "train", "evaluate"}
    assert metrics(project)["model"] == model


def test_tags_run_too(project):
    """The folder has no tags: training refuses, and says why."""
    said = project.run("dvc", "exp", "run", "-S", "target=tags", "evaluate", code=None)
    assert "svm: cannot have this data set: the data set has no tags to tell apart" in said
