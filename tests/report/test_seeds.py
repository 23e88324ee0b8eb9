import pytest

from soundstage.report.seeds import summary


def run(accuracy, **more):
    names = {"model": "svm", "dataset": "demo", "split": "group", "target": "genre"}
    clip = {"accuracy": accuracy, "class": {"reel": {"support": 4}}}
    return names | {"n_scored": 36, "clip": clip} | more


def test_mean_and_sample_deviation():
    table = summary([run(0.5), run(0.6), run(0.7)])
    assert table.columns == ["score", "mean", "sd", "n"]
    rows = {row["score"]: row for row in table.iter_rows(named=True)}
    assert list(rows) == ["n_scored", "clip.accuracy", "clip.class.reel.support"]
    accuracy = rows["clip.accuracy"]
    assert accuracy["mean"] == pytest.approx(0.6)
    assert accuracy["sd"] == pytest.approx(0.1)  # sqrt((0.01 + 0 + 0.01) / 2)
    assert accuracy["n"] == 3
    assert rows["n_scored"]["sd"] == 0


def test_one_run_has_no_deviation():
    assert summary([run(0.5)]).row(1) == ("clip.accuracy", 0.5, None, 1)


def test_an_undefined_score_is_not_counted():
    table = summary([run(0.5), run(0.5, vote={"accuracy": 0.25})])
    assert table.row(-1) == ("vote.accuracy", 0.25, None, 1)
    assert table.row(1) == ("clip.accuracy", 0.5, 0.0, 2)


def test_refuses_runs_that_have_no_mean():
    with pytest.raises(ValueError, match="zero runs"):
        summary([])
    with pytest.raises(ValueError, match="another split have no mean: group, random"):
        summary([run(0.5), run(0.5, split="random")])
