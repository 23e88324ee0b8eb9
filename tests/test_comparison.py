import subprocess
from dataclasses import replace
from math import comb
from pathlib import Path

import numpy as np
import pytest
from answers import predictions, random_predictions
from scipy.stats import permutation_test
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from soundstage import comparison
from soundstage.comparison import compare, mcnemar, report
from soundstage.errors import SoundstageError
from soundstage.metrics import stored


def noisy(rng, found, noise):
    """The same clips, answered by a model that sees less."""
    if found.multi_label:
        odds = np.log(found.probability / (1 - found.probability))
        odds += rng.normal(scale=noise, size=odds.shape)
        return replace(found, probability=1 / (1 + np.exp(-odds)))
    logits = np.log(found.probability) + rng.normal(scale=noise, size=found.probability.shape)
    return replace(found, probability=np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_same_answers_differ_in_nothing(rng, multi_label):
    found = random_predictions(rng, 40, 3, multi_label=multi_label, segments=2)
    rows, test = compare(found, found, n_resamples=50, seed=0)
    assert [(row.difference, row.low, row.high, row.p) for row in rows] == [(0, 0, 0, 1)] * 4
    assert not any(row.better for row in rows)
    assert (test is None) == multi_label
    assert test is None or (test.only_first, test.only_second, test.p) == (0, 0, 1)


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_better_run_is_called_so(rng, multi_label):
    good = random_predictions(rng, 150, 3, skill=2.0, multi_label=multi_label, segments=2)
    poor = noisy(rng, good, 4.0)
    rows, _ = compare(poor, good, n_resamples=200, seed=0)
    assert {row.better for row in rows} == {"second"}
    assert all(0 < row.low < row.difference < row.high for row in rows)
    assert all(row.p == pytest.approx(1 / 201) for row in rows)  # no exchange is as large
    back, _ = compare(good, poor, n_resamples=200, seed=0)
    assert {row.better for row in back} == {"first"}
    for row, other in zip(rows, back, strict=True):
        assert (row.difference, row.low, row.high) == pytest.approx(
            (-other.difference, -other.high, -other.low), abs=1e-9
        )
    assert rows[0].score == ("average_precision" if multi_label else "accuracy")


@pytest.mark.parametrize("multi_label", [False, True])
def test_scores_and_intervals_agree_with_resampling_rows(rng, multi_label):
    groups = [f"g{i // 3:02d}" for i in range(90)]
    a = random_predictions(rng, 90, 3, skill=0.8, multi_label=multi_label, groups=groups)
    b = noisy(rng, a, 1.0)
    rows = {row.score: row for row in compare(a, b, n_resamples=40, seed=7)[0]}
    members = [np.flatnonzero(a.group == name) for name in np.unique(groups)]
    draws = np.random.default_rng(7).multinomial(30, np.full(30, 1 / 30), size=40)

    def f1(found, of):
        return f1_score(found.truth[of], found.chosen[of], average="macro")

    def auc(found, of):
        return roc_auc_score(found.truth[of], found.probability[of], average="macro")

    for name, score in {"f1_macro": f1, "roc_auc": auc}.items():
        everything = np.arange(90)
        assert rows[name].first == pytest.approx(score(a, everything))
        assert rows[name].second == pytest.approx(score(b, everything))
        values = []
        for times in draws:
            of = np.concatenate([np.tile(m, t) for m, t in zip(members, times, strict=True)])
            values.append(score(b, of) - score(a, of))
        low, high = np.percentile(values, [2.5, 97.5])
        assert (rows[name].low, rows[name].high) == pytest.approx((low, high))


@pytest.mark.parametrize("multi_label", [False, True])
def test_p_of_accuracy_agrees_with_flipping_all_signs(rng, multi_label):
    groups = [f"g{i // 4}" for i in range(40)]
    a = random_predictions(rng, 40, 3, skill=1.5, multi_label=multi_label, groups=groups)
    b = noisy(rng, a, 1.5 if multi_label else 4.0)
    right = [(f.truth == f.chosen).all(axis=1) for f in (a, b)]
    if multi_label:
        right = [(f.truth == f.chosen).mean(axis=1) for f in (a, b)]
    of_groups = [r.reshape(10, 4).sum(axis=1).astype(float) for r in right]
    exact = permutation_test(
        of_groups, lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    row = next(r for r in compare(a, b, n_resamples=4000, seed=0)[0] if r.score == "accuracy")
    assert 0.005 < exact < 0.8
    assert row.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4000))


def test_p_of_average_precision_agrees_with_exchanging_ranks(rng):
    a = random_predictions(rng, 30, 2, skill=1.0, multi_label=True)
    b = noisy(rng, a, 1.5)

    def score(ranks):
        return average_precision_score(a.truth, ranks, average="macro")

    of_a, of_b = (np.argsort(np.argsort(f.probability, axis=0), axis=0) for f in (a, b))
    found, count = abs(score(of_b) - score(of_a)), 0
    for _ in range(250):
        swap = rng.integers(0, 2, (30, 1)).astype(bool)
        chance = score(np.where(swap, of_a, of_b)) - score(np.where(swap, of_b, of_a))
        count += abs(chance) >= found - 1e-12
    p = compare(a, b, n_resamples=2000, seed=0)[0][0].p
    assert 0.01 < p < 0.99
    assert p == pytest.approx(count / 250, abs=4 * np.sqrt(p * (1 - p) / 225))


def test_two_scales_of_one_order_are_no_difference_of_ranking(rng):
    a = random_predictions(rng, 60, 3, skill=1.0, multi_label=True)
    rows, _ = compare(a, replace(a, probability=a.probability**3), n_resamples=99, seed=0)
    p = {row.score: row.p for row in rows}
    assert p["roc_auc"] == p["average_precision"] == 1
    assert p["f1_macro"] < 0.2  # the decisions do differ


def test_runs_that_are_alike_are_seldom_told_apart(rng):
    truth = random_predictions(rng, 60, 3, skill=1.0)
    calls = 0
    for seed in range(40):
        a, b = (noisy(rng, truth, 1.5) for _ in range(2))
        rows, _ = compare(a, b, n_resamples=99, seed=seed)
        calls += sum(bool(row.better) for row in rows)
    assert calls / 160 < 0.12  # 0.05 expected, of four scores that depend on each other


def test_mcnemar_counts_what_one_alone_got_right():
    # Of 20 clips: 10 only the first, 2 only the second, 5 both, 3 none.
    right_a, right_b = (
        np.repeat([1, 0, 1, 0], [10, 2, 5, 3]),
        np.repeat([0, 1, 1, 0], [10, 2, 5, 3]),
    )
    y_true = np.arange(20) % 2
    a, b = (
        predictions(y_true, np.eye(2)[np.where(right == 1, y_true, 1 - y_true)])
        for right in (right_a, right_b)
    )
    test = mcnemar(a, b)
    assert (test.only_first, test.only_second) == (10, 2)
    assert test.p == pytest.approx(2 * sum(comb(12, k) for k in range(3)) / 2**12)


def test_a_single_group_can_tell_nothing(rng):
    found = random_predictions(rng, 30, 3, groups=["only"] * 30)
    rows, _ = compare(found, noisy(rng, found, 1.0), n_resamples=20, seed=0)
    assert all(np.isnan([row.low, row.high, row.p]).all() for row in rows)
    assert not any(row.better for row in rows)


def test_segments_may_differ_where_clips_do_not(rng):
    a = random_predictions(rng, 20, 3, segments=3)
    assert compare(a, a.clips(), n_resamples=20, seed=0)[0][0].difference == 0


def test_says_what_differs(rng):
    found = random_predictions(rng, 12, 3)
    with pytest.raises(SoundstageError, match="one tells genres and the other tags"):
        compare(found, random_predictions(rng, 12, 3, multi_label=True), n_resamples=9, seed=0)
    with pytest.raises(
        SoundstageError, match=r"other test clips, 2 only in the first \(clip00000,"
    ):
        compare(found, found.rows(np.arange(12) > 1), n_resamples=9, seed=0)
    other = replace(found, classes=("a", "b", "x"))
    with pytest.raises(SoundstageError, match=r"classes, 1 only in the first \(c\) and 1 only in"):
        compare(found, other, n_resamples=9, seed=0)
    truth = np.where(np.arange(12) == 3, (found.y_true + 1) % 3, found.y_true)
    with pytest.raises(SoundstageError, match=r"the truth of 1 clips differs \(clip00003\)"):
        compare(found, replace(found, y_true=truth), n_resamples=9, seed=0)
    grouped = replace(found, group=np.full(12, "one"))
    with pytest.raises(SoundstageError, match="the group of 12 clips differs"):
        compare(found, grouped, n_resamples=9, seed=0)


def write(found, path, model="svm", **more):
    about = stored.About(
        model=model,
        dataset="demo",
        split="group",
        target="tags" if found.multi_label else "genre",
        classes=found.classes,
        train_shares=found.train_shares.tolist(),
        thresholds=None,
        **more,
    )
    stored.write({"test": found, "valid": found.rows(np.arange(2))}, about, path)


def test_prints_a_table_with_a_verdict(rng, tmp_path):
    good = random_predictions(rng, 100, 3, skill=3.0)
    files = [str(tmp_path / f"{name}.parquet") for name in ("poor", "good")]
    for file, found in zip(files, (noisy(rng, good, 5.0), good), strict=True):
        write(found, Path(file))
    lines = report(*files, n_resamples=100, seed=0).splitlines()
    assert "on the same 100 test clips in 100 groups" in lines[0]
    assert "McNemar's exact test of accuracy" in lines[-2]
    assert lines[-1].startswith(f"By accuracy, {files[1]} is better")
    assert sum(line.endswith("second is better") for line in lines) == 4
    same = report(files[0], files[0], n_resamples=100, seed=0)
    assert same.count("no difference shown\n") == 4
    assert "is better" not in same
    assert "from +0.000 to +0.000" in same.splitlines()[-1]


def test_says_what_touches_the_scores_of_either_run(rng, tmp_path):
    found = random_predictions(rng, 30, 3, skill=3.0)
    files = [str(tmp_path / f"{name}.parquet") for name in ("a", "b")]
    write(found, Path(files[0]))
    write(found, Path(files[1]), warning={"missing_class": 2, "of_tomorrow": 1})
    lines = report(*files, n_resamples=20, seed=0).splitlines()
    assert sum("warning: " in line for line in lines) == 2
    assert lines[-3].startswith(f"{files[1]}: warning: missing_class (2): is a class that")
    assert lines[-2].startswith(f"{files[1]}: warning: of_tomorrow (1): ")


def test_an_undefined_score_shows_as_a_dash(tmp_path):
    found = predictions([0, 0, 0], [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])
    write(found, tmp_path / "one.parquet")
    lines = report(*[str(tmp_path / "one.parquet")] * 2, n_resamples=20, seed=0).splitlines()
    line = next(line for line in lines if line.startswith("roc_auc"))
    assert line.split()[:6] == ["roc_auc", "-", "-", "-", "-", "-"]


@pytest.fixture
def project(tmp_path, monkeypatch, rng):
    """A repository whose commit and experiment `better` hold predictions, as the workspace does."""
    from dvc.repo import Repo

    def git(*words):
        subprocess.run(["git", *words], check=True, capture_output=True)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    git("init", "-b", "main")
    git("config", "user.name", "t")
    git("config", "user.email", "t@example.org")
    repo = Repo.init()
    good = random_predictions(rng, 60, 3, skill=3.0)
    for name, noise in {"committed": 6.0, "better": 0.1, "workspace": 3.0}.items():
        write(noisy(rng, good, noise), tmp_path / "data" / "predictions.parquet", name)
        if name == "workspace":
            continue
        repo.add("data/predictions.parquet")
        if name == "committed":
            git("add", ".")
            git("commit", "-m", name)
        else:
            repo.experiments.save(name=name)
    repo.close()


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # pygtrie's, of DVC
@pytest.mark.usefixtures("project")
def test_reads_commits_experiments_and_the_workspace():
    runs = {"HEAD": "committed", "main": "committed", "better": "better", "workspace": "workspace"}
    assert {run: comparison.load(run)[1].model for run in runs} == runs
    said = report("HEAD", "better", n_resamples=100, seed=0)
    assert said.startswith("HEAD (committed) and better (better) on the same 60 test clips")
    assert "By accuracy, better is better" in said
    with pytest.raises(
        SoundstageError, match=r"nothing: its data/predictions.parquet cannot be had"
    ):
        comparison.load("nothing")
    with pytest.raises(SoundstageError, match=r"other.parquet: no such file"):
        comparison.load("other.parquet")
