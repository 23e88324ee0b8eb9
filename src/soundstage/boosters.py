"""XGBoost's trees as plain arrays, and the model that XGBoost makes of them again.

XGBoost follows the indices in a model file without asking, and takes many times the size of its
JSON to read it. So files hold no more than answers need, see `soundstage.trees`; XGBoost is given
its own binary form of them (UBJSON), written here when they have been checked.
"""

import json
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from xgboost import Booster, XGBClassifier

from soundstage import trees
from soundstage.tasks import Answer, Arrays, Kind, Task
from soundstage.untrusted_arrays import Slot, require

NODES = 2**23  # of all trees: 50 tags in 1000 rounds have half; XGBoost takes 1.3 GB for as many
_ROOT = 2**31 - 1  # the parent of a node that has none
_ROUNDS = 20  # that are read together
_NODE = {
    "left_children": np.int32,
    "right_children": np.int32,
    "split_indices": np.int32,
    "split_conditions": np.float32,
}
_NONE = np.empty(0, np.int32)
_TYPES = {"int32": b"l", "int64": b"L", "float32": b"d", "uint8": b"U"}


def _take(trained: XGBClassifier, _X: np.ndarray, _y: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a trained model answers by: its trees, and `base`, the scores they add to.

    Trees are in order of rounds, within these of classes or tags. A leaf's weight is its threshold.
    """
    booster = trained.get_booster()
    nodes: dict[str, list[np.ndarray]] = {name: [] for name in _NODE}
    rounds = booster.num_boosted_rounds()
    for start in range(0, rounds, _ROUNDS):
        learner = _learner(booster[start : min(start + _ROUNDS, rounds)])
        for tree in learner["gradient_booster"]["model"]["trees"]:
            for name, dtype in _NODE.items():
                nodes[name].append(np.array(tree[name], dtype))
    sizes = np.array([len(left) for left in nodes["left_children"]], np.int32)
    left, right, column, threshold = map(np.concatenate, nodes.values())
    column[left == -1] = 0
    base = np.array(json.loads(learner["learner_model_param"]["base_score"]))
    return {
        "sizes": sizes,
        "left": left,
        "right": right,
        "column": column,
        "threshold": threshold,
        "base": base.astype(np.float32),
    }


def _learner(booster: Booster) -> dict[str, Any]:
    return json.loads(booster.save_raw("json"))["learner"]


def _layout(untrained: XGBClassifier, task: Task) -> dict[str, Slot]:
    return trees.layout(task.scores * (untrained.n_estimators or 0), np.float32) | {
        "base": Slot(np.dtype(np.float32), (task.scores,))
    }


def _answer(untrained: XGBClassifier, arrays: Arrays, task: Task) -> Answer:
    nodes = len(arrays["left"])
    require(nodes <= NODES, f"{nodes} nodes, where {NODES} are the most")
    trees.forest(arrays, task.columns, untrained.max_depth)
    classes = 0 if task.scores < task.classes or task.tags else task.classes
    base = arrays["base"]
    require(classes or ((base > 0) & (base < 1)).all(), "base")
    model = clone(untrained)
    model.load_model(_written(model, arrays, task.columns, classes))
    return model.predict_proba


def _written(model: XGBClassifier, arrays: Arrays, columns: int, classes: int) -> bytearray:
    """Return a model as XGBoost writes it; `classes` is 0 where each score is on its own."""
    scores = len(arrays["base"])
    n = len(arrays["sizes"])
    at_once = model.get_xgb_params().get("num_parallel_tree") or 1  # trees a round and score
    ends = np.cumsum(arrays["sizes"], dtype=np.int64)
    objective: dict[str, Any] = {
        "name": "binary:logistic",
        "reg_loss_param": {"scale_pos_weight": "1"},
    }
    if classes:
        objective = {
            "name": "multi:softprob",
            "softmax_multiclass_param": {"num_class": str(classes)},
        }
    forest = {
        "cats": {"enc": [], "feature_segments": _NONE, "sorted_idx": _NONE},
        "gbtree_model_param": {"num_parallel_tree": str(at_once), "num_trees": str(n)},
        "iteration_indptr": list(range(0, n + 1, scores * at_once)),
        "tree_info": [i // at_once % scores for i in range(n)],
        "trees": _Each(n, (_tree(i, arrays, ends, columns) for i in range(n))),
    }
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": forest, "name": "gbtree"},
        "learner_model_param": {
            "base_score": json.dumps(arrays["base"].tolist()),
            "boost_from_average": "1",
            "num_class": str(classes),
            "num_feature": str(columns),
            "num_target": str(1 if classes else scores),
        },
        "objective": objective,
    }
    content = bytearray()
    _write(content, {"learner": learner, "version": [3, 2, 0]})  # what later ones read too
    return content


class _Each(NamedTuple):
    """A list of `n` things that are made one by one."""

    n: int
    things: Iterator[Any]


def _tree(i: int, arrays: Arrays, ends: np.ndarray, columns: int) -> dict[str, Any]:
    """Return tree i as XGBoost writes it, with zeros for what only training asks."""
    size = arrays["sizes"][i]
    left, right, column, threshold = (
        arrays[name][ends[i] - size : ends[i]] for name in ("left", "right", "column", "threshold")
    )
    parents = np.full(size, _ROOT, np.int32)
    inner = np.flatnonzero(left != -1).astype(np.int32)
    parents[left[inner]] = parents[right[inner]] = inner
    zeros, flags = np.zeros(size, np.float32), np.zeros(size, np.uint8)
    return {
        "base_weights": zeros,
        "categories": _NONE,
        "categories_nodes": _NONE,
        "categories_segments": _NONE.astype(np.int64),
        "categories_sizes": _NONE.astype(np.int64),
        "default_left": flags,  # where a number is missing, which never is
        "id": i,
        "left_children": left,
        "loss_changes": zeros,
        "parents": parents,
        "right_children": right,
        "split_conditions": threshold,
        "split_indices": column,
        "split_type": flags,  # all by a threshold
        "sum_hessian": zeros,
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(columns),
            "num_nodes": str(size),
            "size_leaf_vector": "1",
        },
    }


def _write(out: bytearray, value: Any) -> None:
    """Append a value as UBJSON (ubjson.org, draft 12): all numbers with the first byte first."""
    match value:
        case str():
            out += b"S" + _long(len(value)) + value.encode()
        case int():
            out += _long(value)
        case np.ndarray():
            out += b"[$" + _TYPES[value.dtype.name] + b"#" + _long(len(value))
            out += value.astype(value.dtype.newbyteorder(">")).tobytes()
        case dict():
            out += b"{"
            for name, each in value.items():
                out += _long(len(name)) + name.encode()
                _write(out, each)
            out += b"}"
        case list():
            _write(out, _Each(len(value), iter(value)))
        case _Each(n, things):
            out += b"[#" + _long(n)
            for each in things:
                _write(out, each)


def _long(n: int) -> bytes:
    return struct.pack(">cq", b"L", n)


KIND = Kind(_take, _layout, _answer)
