import json
from dataclasses import replace

import numpy as np
import pytest
from answers import predictions, random_predictions
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from soundstage.evaluation import Predictions, evaluate


def width(result, name="accuracy"):
    interval = result["clip"]["interval"][name]
    return interval["high"] - interval["low"]


def test_single_label_by_hand():
    # Clip "two" is right although one of its segments is wrong; it ties with "three" at 5/8.
    found = Predictions(
        track=np.repeat(["one", "three", "two"], 2),
        segment=np.array([0, 1, 0, 1, 0, 1]),
        group=np.repeat(["x", "y", "z"], 2),
        y_true=np.array([0, 0, 1, 1, 0, 0]),
        probability=np.array(
            [[1, 0], [0.75, 0.25], [0.625, 0.375], [0.625, 0.375], [0.875, 0.125], [0.375, 0.625]]
        ),
        classes=("reel", "waltz"),
        train_shares=np.array([0.75, 0.25]),
    )
    result = evaluate(found, n_bootstrap=10, seed=0)
    clip, segment = result["clip"], result["segment"]
    assert clip["accuracy"] == pytest.approx(2 / 3, abs=1e-6)  # "three" is called a reel
    assert segment["accuracy"] == pytest.approx(3 / 6, abs=1e-6)
    reel = {"support": 2, "precision": 0.666667, "recall": 1.0, "f1": 0.8}
    assert clip["class"]["reel"] == reel | {"roc_auc": 0.75, "average_precision": 0.833333}
    waltz = {"support": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert clip["class"]["waltz"] == waltz | {"roc_auc": 0.75, "average_precision": 0.5}
    assert clip["f1_macro"] == 0.4
    assert clip["f1_weighted"] == pytest.approx(0.8 * 2 / 3, abs=1e-6)
    assert segment["class"]["reel"]["recall"] == 0.75


def test_multi_label_by_hand():
    y_true = [[True, False, False], [True, True, False], [False, True, False]]
    probability = [[0.9, 0.2, 0.1], [0.4, 0.5, 0.6], [0.1, 0.9, 0.2]]
    clip = evaluate(predictions(y_true, probability), n_bootstrap=10, seed=0)["clip"]
    assert clip["accuracy"] == pytest.approx(7 / 9, abs=1e-6)
    assert clip["class"]["a"]["recall"] == 0.5
    assert clip["class"]["b"]["f1"] == 1.0  # 0.5 is chosen
    assert clip["class"]["c"] == {"support": 0}
    assert clip["recall_macro"] == 0.75
    assert clip["roc_auc"] == 1.0


@pytest.mark.parametrize("multi_label", [False, True])
def test_agrees_with_scikit_learn(rng, multi_label):
    found = random_predictions(rng, 200, 4, skill=0.7, multi_label=multi_label)
    clip = evaluate(found, n_bootstrap=5, seed=0)["clip"]
    if multi_label:
        chosen = found.probability >= 0.5
        assert clip["accuracy"] == pytest.approx((chosen == found.y_true).mean(), abs=1e-6)
    else:
        chosen = found.probability.argmax(axis=1)
        assert clip["accuracy"] == pytest.approx(accuracy_score(found.y_true, chosen), abs=1e-6)
    for average in ("macro", "weighted"):
        for name, score in {
            "precision": precision_score,
            "recall": recall_score,
            "f1": f1_score,
        }.items():
            expected = score(found.y_true, chosen, average=average)
            assert clip[f"{name}_{average}"] == pytest.approx(expected, abs=1e-6)
    auc = roc_auc_score(found.y_true, found.probability, multi_class="ovr", average="macro")
    assert clip["roc_auc"] == pytest.approx(auc, abs=1e-6)


@pytest.mark.parametrize("multi_label", [False, True])
def test_perfect_predictions_score_one(rng, multi_label):
    found = random_predictions(rng, 60, 5, multi_label=multi_label, segments=3)
    result = evaluate(replace(found, probability=found.truth.astype(float)), n_bootstrap=50, seed=0)
    for level, n in {"clip": 22, "segment": 22, "vote": 19 if multi_label else 20}.items():
        scores = {key: v for key, v in result[level].items() if isinstance(v, float)}
        assert len(scores) == n
        assert set(scores.values()) == {1.0}
    ends = [end for interval in result["clip"]["interval"].values() for end in interval.values()]
    assert set(ends) == {1.0}
    assert len(ends) == 8


def test_random_predictions_score_about_chance(rng):
    clip = evaluate(random_predictions(rng, 4000, 4), n_bootstrap=5, seed=0)["clip"]
    for name in ("accuracy", "f1_macro", "average_precision"):
        assert clip[name] == pytest.approx(0.25, abs=0.03)
    assert clip["roc_auc"] == pytest.approx(0.5, abs=0.03)


def test_macro_recall_is_accuracy_on_a_balanced_set(rng):
    clip = evaluate(random_predictions(rng, 120, 6, skill=1.0), n_bootstrap=5, seed=0)["clip"]
    assert clip["recall_macro"] == clip["accuracy"]
    assert 0.3 < clip["accuracy"] < 0.9


def test_a_class_that_does_not_occur_counts_in_no_mean(rng):
    found = random_predictions(rng, 60, 3, skill=1.0)
    one_more = np.column_stack([found.probability, np.zeros(60)])
    more = replace(
        found,
        probability=one_more,
        classes=("a", "b", "c", "new"),
        train_shares=np.full(4, 0.25),
    )
    before = evaluate(found, n_bootstrap=20, seed=0, top_k=[2])["clip"]
    after = evaluate(more, n_bootstrap=20, seed=0, top_k=[2])["clip"]
    assert after["class"].pop("new") == {"support": 0}
    assert after == before


def test_what_no_class_has_is_left_out():
    result = evaluate(predictions([0, 0], [[0.9, 0.1], [0.4, 0.6]]), n_bootstrap=20, seed=0)
    assert "roc_auc" not in result["clip"]  # there is nothing to rank a against
    assert "roc_auc" not in result["clip"]["interval"]
    assert "roc_auc" not in result["baseline"]["prior"]
    assert result["clip"]["average_precision"] == 1.0
    empty = evaluate(predictions(np.zeros((2, 2), bool), np.eye(2)), n_bootstrap=20, seed=0)
    assert set(empty["clip"]) == {"accuracy", "interval", "class"}
    assert set(empty["baseline"]["majority"]) == {"accuracy"}


@pytest.mark.parametrize("multi_label", [False, True])
def test_result_is_strict_json_of_numbers(rng, multi_label):
    found = random_predictions(rng, 40, 3, segments=2, multi_label=multi_label)
    limits = np.full(3, 0.4) if multi_label else None
    result = evaluate(found, n_bootstrap=20, seed=0, top_k=[2], thresholds=limits)

    def leaves(tree):
        for value in tree.values():
            yield from leaves(value) if isinstance(value, dict) else [value]

    assert {type(value) for value in leaves(result)} == {int, float}
    assert all(value == round(value, 6) for value in leaves(result))
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_order_of_rows_does_not_matter(rng):
    found = random_predictions(rng, 40, 3, skill=1.0, segments=3)
    order = rng.permutation(len(found.track))
    names = ("track", "segment", "group", "y_true", "probability")
    shuffled = replace(found, **{name: getattr(found, name)[order] for name in names})
    first = evaluate(found, n_bootstrap=50, seed=3)
    assert evaluate(shuffled, n_bootstrap=50, seed=3) == first
    assert evaluate(found, n_bootstrap=50, seed=4)["clip"]["interval"] != first["clip"]["interval"]


@pytest.mark.parametrize("multi_label", [False, True])
def test_interval_agrees_with_resampling_rows(rng, multi_label):
    groups = [f"g{i // 3:02d}" for i in range(90)]
    found = random_predictions(rng, 90, 3, skill=0.8, multi_label=multi_label, groups=groups)
    interval = evaluate(found, n_bootstrap=100, seed=7)["clip"]["interval"]
    members = [np.flatnonzero(found.group == name) for name in np.unique(groups)]
    draws = np.random.default_rng(7).multinomial(30, np.full(30, 1 / 30), size=100)
    f1, auc = [], []
    for times in draws:
        rows = np.concatenate([np.tile(m, t) for m, t in zip(members, times, strict=True)])
        truth, probability = found.truth[rows], found.probability[rows]
        f1.append(f1_score(truth, found.chosen[rows], average="macro"))
        auc.append(roc_auc_score(truth, probability, average="macro"))
    for name, values in {"f1_macro": f1, "roc_auc": auc}.items():
        low, high = np.percentile(values, [2.5, 97.5])
        assert interval[name] == pytest.approx({"low": low, "high": high}, abs=1e-6)


def test_interval_covers_the_point_and_grows_with_fewer_groups(rng):
    widths = []
    for n_groups in (200, 50, 12):
        groups = [f"g{i % n_groups}" for i in range(400)]
        # Clips of a group are right or wrong together.
        right = rng.random(n_groups) < 0.6
        y_true = np.arange(400) % 2
        probability = np.eye(2)[np.where(right[np.arange(400) % n_groups], y_true, 1 - y_true)]
        result = evaluate(predictions(y_true, probability, groups=groups), n_bootstrap=500, seed=0)
        for name, ends in result["clip"]["interval"].items():
            assert ends["low"] <= result["clip"][name] <= ends["high"]
        widths.append(width(result))
    assert widths == sorted(widths)
    assert widths[-1] > 2 * widths[0]


def test_intervals_over_groups_are_wider_than_over_clips_that_agree(rng):
    right = np.repeat(rng.random(40) < 0.6, 10)
    y_true = np.arange(400) % 2
    probability = np.eye(2)[np.where(right, y_true, 1 - y_true)]
    groups = [f"g{i // 10}" for i in range(400)]
    by_group = evaluate(predictions(y_true, probability, groups=groups), n_bootstrap=500, seed=0)
    by_clip = evaluate(predictions(y_true, probability), n_bootstrap=500, seed=0)
    assert width(by_group) > 2 * width(by_clip)
    # Ten clips that agree count as one: the standard error is that of 40.
    p = right.mean()
    assert width(by_group) == pytest.approx(2 * 1.96 * np.sqrt(p * (1 - p) / 40), rel=0.15)


def test_resamples_without_a_score_are_left_out_of_its_interval():
    # Half of the resamples draw one group twice, and then there is nothing to rank against.
    found = predictions([0, 0, 1, 1], [[0.8, 0.2], [0.4, 0.6], [0.45, 0.55], [0.1, 0.9]],
                        groups=["x", "x", "y", "y"])  # fmt: skip
    clip = evaluate(found, n_bootstrap=100, seed=0)["clip"]
    assert clip["interval"]["roc_auc"] == {"low": 0.75, "high": 0.75}
    assert clip["interval"]["accuracy"] == {"low": 0.5, "high": 1.0}
    # Group x alone has no b, though b is predicted: its mean is the F1 of a, 2/3.
    assert clip["interval"]["f1_macro"] == {"low": 0.666667, "high": 1.0}


def test_a_single_group_has_no_interval(rng):
    found = random_predictions(rng, 30, 3, groups=["only"] * 30)
    assert "interval" not in evaluate(found, n_bootstrap=20, seed=0)["clip"]


def test_refuses_zero_draws():
    with pytest.raises(ValueError, match="n_bootstrap must be positive"):
        evaluate(predictions([0, 1], np.eye(2)), n_bootstrap=0, seed=0)


def test_votes_and_mean_probability_are_two_readings(rng):
    found = random_predictions(rng, 400, 4, skill=1.0)
    clips = np.array([f"c{i}" for i in range(80)])
    of = np.repeat(np.arange(80), 5)
    y_true = np.repeat(found.y_true[:80], 5)
    found = replace(found, track=clips[of], segment=np.tile(np.arange(5), 80), group=clips[of],
                    y_true=y_true)  # fmt: skip
    result = evaluate(found, n_bootstrap=20, seed=0, top_k=[2, 3])
    by_vote = found.votes()
    for name, k in {"accuracy": 1, "top_2": 2, "top_3": 3}.items():
        for level, clip in {"vote": by_vote, "clip": found.clips()}.items():
            expected = top_k_accuracy_score(clip.y_true, clip.probability, k=k)
            assert result[level][name] == pytest.approx(expected, abs=1e-6)
            ends = result[level]["interval"][name]
            assert ends["low"] <= expected <= ends["high"]
    f1 = f1_score(by_vote.y_true, by_vote.probability.argmax(axis=1), average="macro")
    assert result["vote"]["f1_macro"] == pytest.approx(f1, abs=1e-6)
    assert result["vote"]["accuracy"] != result["clip"]["accuracy"]
    assert not result["vote"].keys() & {"roc_auc", "average_precision"}
    sure = evaluate(found, n_bootstrap=20, seed=0, vote_over=0.6)["vote"]
    assert sure["accuracy"] != result["vote"]["accuracy"]
    assert "tuned" not in result


def test_tuned_thresholds_score_the_clips(rng):
    found = random_predictions(rng, 60, 3, skill=1.0, multi_label=True, segments=2)
    limits = np.array([0.2, 0.5, 0.9])
    result = evaluate(found, n_bootstrap=50, seed=0, thresholds=limits)
    clips, tuned = found.clips(), result["tuned"]
    chosen = clips.probability >= limits
    assert tuned["f1_macro"] == pytest.approx(
        f1_score(clips.truth, chosen, average="macro"), abs=1e-6
    )
    assert tuned["interval"]["f1_macro"]["low"] < tuned["f1_macro"]
    assert [entry["threshold"] for entry in tuned["class"].values()] == limits.tolist()
    assert result["clip"] == evaluate(found, n_bootstrap=50, seed=0)["clip"]
    same = evaluate(found, n_bootstrap=50, seed=0, thresholds=np.full(3, 0.5))
    assert same["tuned"]["f1_macro"] == same["clip"]["f1_macro"]
