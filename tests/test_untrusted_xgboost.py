"""Files that were tampered with. XGBoost itself would follow most of these out of memory."""

import json
from functools import reduce

import numpy as np
import pytest
from xgboost import XGBClassifier, XGBRFClassifier

from soundstage.untrusted_skops import UntrustedFileError
from soundstage.untrusted_xgboost import read

N, COLUMNS = 60, 5
MODEL = ("learner", "gradient_booster", "model")
TREE = (*MODEL, "trees", 3)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), 20)
    return 2 * rng.normal(size=(3, COLUMNS))[y] + rng.normal(size=(N, COLUMNS)), y


@pytest.fixture(scope="module")
def stored(rows):
    model = XGBClassifier(n_estimators=4, max_depth=3, n_jobs=1).fit(*rows)
    return bytes(model.get_booster().save_raw("json"))


@pytest.fixture
def tampered(stored, tmp_path):
    """Return a function that puts a value in a place of a file, and reads the result."""

    def tampered(place, value):
        content = json.loads(stored)
        *folders, last = place
        folder = reduce(lambda found, name: found[name], folders, content)
        folder[last] = value(folder[last]) if callable(value) else value
        path = tmp_path / "booster.json"
        path.write_text(json.dumps(content))
        return read(path, columns=COLUMNS, outputs=3, multilabel=False)

    return tampered


@pytest.mark.parametrize("kind", [XGBClassifier, XGBRFClassifier])
@pytest.mark.parametrize("classes", [2, 3, "tags", "tag"])
def test_untouched_files_give_identical_answers(kind, classes, rows, tmp_path):
    X, y = rows
    y = {
        2: y % 2,
        3: y,
        "tags": np.stack([y == 0, y < 2, y == 2], axis=1).astype(int),
        "tag": (y == 0).astype(int),
    }[classes]
    model = kind(n_estimators=4, n_jobs=1, random_state=0).fit(X, y)
    (tmp_path / "booster.json").write_bytes(model.get_booster().save_raw("json"))
    tags = isinstance(classes, str)
    outputs = {"tags": 3, "tag": 1}.get(classes, classes)
    data = read(tmp_path / "booster.json", columns=COLUMNS, outputs=outputs, multilabel=tags)
    loaded = kind(n_estimators=4, n_jobs=1)
    loaded.load_model(data)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def put(i, value):
    def change(values):
        values[i] = value
        return values

    return change


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("left_children", put(0, 10**6)),
        ("left_children", put(0, 0)),
        ("left_children", put(0, 2)),
        ("right_children", put(0, -1)),
        ("right_children", put(0, 2**40)),
        ("left_children", put(-1, 0)),
        ("left_children", lambda values: values[:-1]),
        ("parents", put(1, 2)),
        ("parents", put(0, 1)),
        ("split_indices", put(0, COLUMNS)),
        ("split_indices", put(0, -1)),
        ("split_indices", put(0, 1.5)),
        ("split_type", put(0, 1)),
        ("split_conditions", put(0, float("nan"))),
        ("split_conditions", put(0, "1")),
        ("split_conditions", lambda values: values * 2),
        ("categories_nodes", [0]),
        ("id", 0),
        ("tree_param", lambda param: param | {"num_nodes": "1000000"}),
        ("tree_param", lambda param: param | {"num_nodes": "1"}),
        ("tree_param", lambda param: param | {"num_feature": "9"}),
        ("tree_param", lambda param: param | {"size_leaf_vector": "9"}),
        ("tree_param", lambda param: param | {"num_deleted": "-4"}),
    ],
)
def test_a_tree_that_leads_astray(field, change, tampered):
    with pytest.raises(UntrustedFileError, match="is damaged"):
        tampered((*TREE, field), change)


@pytest.mark.parametrize(
    ("place", "value", "what"),
    [
        ((*MODEL, "tree_info"), put(0, 3), "list of trees"),
        ((*MODEL, "tree_info"), put(0, -1), "list of trees"),
        ((*MODEL, "iteration_indptr"), put(-1, 99), "list of trees"),
        ((*MODEL, "iteration_indptr"), [], "damaged"),
        ((*MODEL, "trees"), lambda trees: trees[1:], "list of trees"),
        ((*MODEL, "gbtree_model_param", "num_trees"), "99", "list of trees"),
        ((*MODEL, "gbtree_model_param", "num_parallel_tree"), "0", "list of trees"),
        (("learner", "learner_model_param", "num_feature"), "9", "a model of 9 columns"),
        (("learner", "learner_model_param", "num_class"), "9", "for 1 targets of 9 classes"),
        (("learner", "learner_model_param", "num_target"), "2", "for 2 targets"),
        (("learner", "learner_model_param", "base_score"), "[1e999,0,0]", "base_score"),
        (("learner", "learner_model_param", "base_score"), "[0,0]", "base_score"),
        (("learner", "learner_model_param", "base_score"), "[", "damaged"),
        (("learner", "objective", "name"), "binary:logistic", "for binary:logistic"),
        (("learner", "objective", "name"), "rank:ndcg", "objective.name"),
        (("learner", "objective", "softmax_multiclass_param", "num_class"), "9", "objective"),
        (("learner", "gradient_booster", "name"), "dart", "gradient_booster.name"),
        (("learner", "attributes"), {"best_iteration": "99"}, "attributes"),
        (("learner", "feature_names"), ["a"] * COLUMNS, "feature_names"),
        (("learner", "more"), lambda _: 1, "learner.more"),
        (("version",), "3.2.0", "version"),
    ],
)
def test_a_model_that_is_not_what_is_asked_for(place, value, what, tampered):
    if place[-1] == "more":
        place, value = place[:-1], lambda learner: learner | {"more": 1}
    with pytest.raises(UntrustedFileError, match=what):
        tampered(place, value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "[" * 100_000, "\xff"])
def test_no_model_at_all(text, tmp_path):
    path = tmp_path / "booster.json"
    path.write_text(text, "latin-1")
    with pytest.raises(UntrustedFileError, match="is damaged"):
        read(path, columns=COLUMNS, outputs=3, multilabel=False)


def test_what_is_handed_on_is_what_was_understood(stored, tmp_path):
    """Of a name that is there twice, one parser may take the first and another the last."""
    path = tmp_path / "booster.json"
    path.write_bytes(stored.replace(b'"left_children":', b'"left_children":[77],"left_children":'))
    data = read(path, columns=COLUMNS, outputs=3, multilabel=False)
    assert b"[77]" not in data
    assert json.loads(data) == json.loads(stored)


def test_random_damage_is_an_error_or_harmless(stored, rows, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "booster.json"
    refused = 0
    for _ in range(100):
        data = bytearray(stored)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            found = read(path, columns=COLUMNS, outputs=3, multilabel=False)
        except UntrustedFileError:
            refused += 1
            continue
        model = XGBClassifier(n_jobs=1)
        model.load_model(found)
        assert model.predict_proba(rows[0]).shape == (N, 3)
    assert refused > 30
