"""XGBoost's trees: what files hold of them, and files that lead out of memory."""

import json

import numpy as np
import pytest
from trained import COLUMNS, asked, rows, trained, untrained

from soundstage import boosters, fitted
from soundstage.tasks import Task
from soundstage.untrusted_arrays import UntrustedFileError

NAMES = ["xgboost", "xgboost_forest"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["three", "two", "tags", "tag"])
def test_what_xgboost_is_given_is_what_it_trained(name, kind):
    """All but what only training asks, and where a missing number goes."""
    pipeline, arrays, _ = trained(name, kind)
    model = untrained(name)[-1]
    classes = 3 if kind == "three" else 0
    model.load_model(boosters._written(model, arrays, COLUMNS, classes))
    found, expected = (
        json.loads(each.get_booster().save_raw("json"))["learner"] for each in (model, pipeline[-1])
    )
    for learner in (found, expected):
        for tree in learner["gradient_booster"]["model"]["trees"]:
            for field in ("base_weights", "default_left", "loss_changes", "sum_hessian"):
                del tree[field]
            pairs = zip(tree["split_indices"], tree["left_children"], strict=True)
            tree["split_indices"] = [0 if left == -1 else column for column, left in pairs]
    assert found == expected


def test_many_rounds_are_taken_in_order(monkeypatch):
    X, y = rows()
    pipeline, arrays, _ = trained("xgboost", n_estimators=7)
    monkeypatch.setattr(boosters, "_ROUNDS", 2)
    again = fitted.take(pipeline, X, y)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize(
    ("array", "place", "value", "what"),
    [
        ("left", 0, 10**6, "a node's child"),
        ("left", 0, 0, "a node's child"),
        ("right", 0, -1, "a node's child"),
        ("column", 0, COLUMNS, "a node's column"),
        ("column", 0, -1, "a node's column"),
        ("sizes", 0, 10**6, "the trees' sizes"),
        ("sizes", 0, 0, "the trees' sizes"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_tree_that_leads_astray(name, array, place, value, what):
    arrays = trained(name).arrays
    changed = arrays[array].copy()
    changed[place] = value
    with pytest.raises(UntrustedFileError, match=what):
        asked(name, "three", arrays | {array: changed})


def test_a_tree_is_no_deeper_than_the_model_says():
    arrays = trained("xgboost", max_depth=3).arrays
    assert asked("xgboost", "three", arrays, max_depth=3)
    with pytest.raises(UntrustedFileError, match="a tree of 3 levels"):
        asked("xgboost", "three", arrays, max_depth=2)


def test_more_nodes_than_xgboost_has_memory_for(monkeypatch):
    arrays = trained("xgboost").arrays
    monkeypatch.setattr(boosters, "NODES", len(arrays["left"]))
    assert asked("xgboost", "three", arrays)
    monkeypatch.setattr(boosters, "NODES", len(arrays["left"]) - 1)
    with pytest.raises(UntrustedFileError, match=r"nodes, where \d+ are the most"):
        asked("xgboost", "three", arrays)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.5, 7.0])
@pytest.mark.parametrize("kind", ["two", "tags"])
def test_scores_that_trees_of_probabilities_cannot_add_to(value, kind):
    arrays = trained("xgboost", kind).arrays
    base = np.full_like(arrays["base"], value)
    with pytest.raises(UntrustedFileError, match="base"):
        asked("xgboost", kind, arrays | {"base": base})


@pytest.mark.parametrize(
    ("task", "scores"), [(Task(5, 2), 1), (Task(5, 3), 3), (Task(5, 2, 2), 2), (Task(5, 2, 7), 7)]
)
def test_as_many_trees_as_the_model_has(task, scores):
    layout = fitted.layout(untrained("xgboost", n_estimators=20), task)
    assert layout["sizes"].shape == (20 * scores,)
    assert layout["base"].shape == (scores,)
