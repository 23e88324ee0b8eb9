"""Files that were tampered with. Scikit-learn itself would follow most of these out of memory."""

import io
import json
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from soundstage.models.knn import knn
from soundstage.models.mlp import mlp
from soundstage.models.random_forest import random_forest
from soundstage.models.svm import svm
from soundstage.untrusted_skops import UntrustedFileError, check, read

MODELS = {
    "knn": knn(k=3),
    "random_forest": random_forest(seed=0, n_estimators=2, max_depth=3),
    "svm": svm(multilabel=False, seed=0),
    "mlp": mlp(seed=0, hidden=(3,), max_iter=300, learning_rate=0.05),
}
FUNCTION = {"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode", "__id__": 1}


@pytest.fixture(scope="module")
def stored():
    """A file of each model, trained on sixty rows of five columns, three classes."""
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), 20)
    X = 2 * rng.normal(size=(3, 5))[y] + rng.normal(size=(60, 5))
    return {name: skops.io.dumps(model.fit(X, y)) for name, model in MODELS.items()}


@pytest.fixture
def tampered(stored, tmp_path):
    """Return a function that changes a model's file, and returns where the result is."""

    def tampered(name, change, compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(io.BytesIO(stored[name])) as file:
            entries = {entry: file.read(entry) for entry in file.namelist()}
        schema = json.loads(entries.pop("schema.json"))
        change(schema, entries)
        path = tmp_path / "estimator.skops"
        with zipfile.ZipFile(path, "w", compression) as file:
            for entry, content in entries.items():
                file.writestr(entry, content)
            file.writestr("schema.json", json.dumps(schema))
        return path

    return tampered


def nodes(schema, loader, name=""):
    """Yield what is made by `loader` and of a type that ends in `name`."""
    waiting = [schema]
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, dict):
            if found.get("__loader__") == loader and found["__class__"].endswith(name):
                yield found
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def fitted(schema, name, attribute):
    """Return the attributes of the object of a type that has `attribute`."""
    every = (node["content"]["content"] for node in nodes(schema, "ObjectNode", name))
    return next(attributes for attributes in every if attribute in attributes)


def edit(node, entries, change):
    """Put `change(array)` in the place of the array that a node names."""
    array = np.load(io.BytesIO(entries[node["file"]]))
    changed = change(array)
    buffer = io.BytesIO()
    np.save(buffer, array if changed is None else changed)
    entries[node["file"]] = buffer.getvalue()


def number(node, value):
    """Put a number or text in the place of another, which other things may share by their id."""
    node.update(content=json.dumps(value), __id__=len(json.dumps(value)))


@pytest.mark.parametrize("name", MODELS)
def test_untouched_files_are_read(name, tampered, stored):
    path = tampered(name, lambda *_: None)
    X = np.random.default_rng(1).normal(size=(4, 5))
    expected = MODELS[name].predict_proba(X)
    np.testing.assert_array_equal(read(path).predict_proba(X), expected)
    path.write_bytes(stored[name])
    np.testing.assert_array_equal(read(path).predict_proba(X), expected)


def set_node(field, node, value):
    def change(nodes):
        nodes[field][node] = value

    return change


def swap_children(nodes):
    nodes["left_child"][0], nodes["right_child"][0] = nodes["right_child"][0], 0


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (set_node("left_child", 0, 10**6), "a node's child"),
        (set_node("left_child", 0, 0), "a node's child"),
        (set_node("right_child", 0, -3), "a node's child"),
        (set_node("right_child", 0, -1), "one child"),
        (set_node("left_child", 0, 2), "a node's parent"),
        (swap_children, "a node's child"),
        (set_node("feature", 0, 5), "a node's column"),
        (set_node("feature", 0, -2), "a node's column"),
        (set_node("threshold", 0, np.nan), "a node's numbers"),
        (lambda nodes: nodes[:-1], "damaged"),
        (lambda nodes: nodes["feature"], "damaged"),
    ],
)
def test_a_tree_that_leads_astray(change, what, tampered):
    def astray(schema, entries):
        tree = list(nodes(schema, "TreeNode"))[1]
        edit(tree["content"]["content"]["nodes"], entries, change)

    with pytest.raises(UntrustedFileError, match=what):
        read(tampered("random_forest", astray))


@pytest.mark.parametrize(
    ("place", "value", "what"),
    [
        (lambda arguments, _: arguments[0], 9, "a tree's number of columns"),
        (lambda arguments, _: arguments[2], 10**9, "a tree's classes"),
        # What is too large, scikit-learn cuts itself
        (lambda _, attributes: attributes["node_count"], 2, "a tree's number of nodes"),
    ],
)
def test_a_tree_whose_sizes_lie(place, value, what, tampered):
    def lie(schema, entries):  # noqa: ARG001
        tree = next(nodes(schema, "TreeNode"))
        arguments, attributes = tree["__reduce__"]["args"]["content"], tree["content"]["content"]
        number(place(arguments, attributes), value)

    with pytest.raises(UntrustedFileError, match=what):
        read(tampered("random_forest", lie))


@pytest.mark.parametrize("classes", [[0], [10**9], [3, 3]])
def test_a_tree_of_impossible_classes(classes, tampered):
    def lie(schema, entries):
        tree = next(nodes(schema, "TreeNode"))
        edit(tree["__reduce__"]["args"]["content"][1], entries, lambda _: np.array(classes))

    with pytest.raises(UntrustedFileError, match="a tree's classes"):
        read(tampered("random_forest", lie))


def test_a_tree_that_answers_infinity(tampered):
    def lie(schema, entries):
        tree = next(nodes(schema, "TreeNode"))
        edit(tree["content"]["content"]["values"], entries, lambda v: np.full_like(v, np.inf))

    with pytest.raises(UntrustedFileError, match="a node's numbers"):
        read(tampered("random_forest", lie))


def test_a_thing_that_shares_the_id_of_another(tampered):
    """skops would make the first of the two: what is looked at is then not what is made."""

    def share(schema, entries):  # noqa: ARG001
        tree = next(nodes(schema, "TreeNode"))
        outputs = tree["__reduce__"]["args"]["content"][2]
        large = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
        schema["first"] = large | {"content": "1000000", "__id__": outputs["__id__"]}

    def nameless(schema, entries):
        share(schema, entries)
        tree = next(nodes(schema, "TreeNode"))
        del tree["__reduce__"]["args"]["content"][2]["__loader__"]

    with pytest.raises(UntrustedFileError, match="share an id"):
        read(tampered("random_forest", share))
    with pytest.raises(UntrustedFileError, match=r"share an id|__loader__"):
        read(tampered("random_forest", nameless))


def replace_array(attribute, change):
    def replace(schema, entries):
        edit(fitted(schema, "SVC", "support_vectors_")[attribute], entries, change)

    return replace


def double(array):
    return np.concatenate([array, array])


def lengthen(array):
    array[0] += 1000


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (replace_array("_n_support", lengthen), "n_support"),
        (replace_array("_n_support", lambda n: n - np.int32([100, -100, 0])), "n_support"),
        (replace_array("_n_support", double), "n_support"),
        (replace_array("support_", lambda rows: rows[:1]), "support vectors"),
        (replace_array("support_vectors_", lambda rows: rows[:, :2]), "support vectors"),
        (replace_array("support_vectors_", lambda rows: rows.astype(np.float32)), "support vect"),
        (replace_array("_dual_coef_", lambda rows: rows[:, :1]), "dual_coef"),
        (replace_array("_dual_coef_", lambda rows: rows * np.nan), "dual_coef"),
        (replace_array("_intercept_", lambda values: values[:1]), "intercept"),
        (replace_array("_probA", lambda _: np.zeros(9)), "probabilities"),
        (lambda s, _: number(fitted(s, "SVC", "_gamma")["kernel"], "precomputed"), "a kernel"),
        (replace_array("_gamma", lambda _: np.float64(-1)), "gamma"),
        (lambda s, _: fitted(s, "SVC", "_gamma").pop("_n_support"), "_n_support"),
    ],
)
def test_a_machine_that_libsvm_would_trust(change, what, tampered):
    with pytest.raises(UntrustedFileError, match=what):
        read(tampered("svm", change))


@pytest.mark.parametrize(
    ("attribute", "change", "what"),
    [
        ("_y", lambda labels: labels + 10**6, "labels"),
        ("_y", lambda labels: labels - 1, "labels"),
        ("_y", lambda labels: labels[:5], "labels"),
        ("_fit_X", lambda rows: rows[:5], "rows"),
        ("_fit_X", lambda rows: rows * np.inf, "rows"),
        ("classes_", lambda classes: classes + 7, "classes"),
    ],
)
def test_neighbours_out_of_bounds(attribute, change, what, tampered):
    def astray(schema, entries):
        edit(fitted(schema, "KNeighborsClassifier", "_fit_X")[attribute], entries, change)

    with pytest.raises(UntrustedFileError, match=what), np.errstate(invalid="ignore"):
        read(tampered("knn", astray))


def test_neighbours_by_another_method(tampered):
    def other(schema, entries):  # noqa: ARG001
        number(fitted(schema, "KNeighborsClassifier", "_fit_X")["_fit_method"], "kd_tree")

    with pytest.raises(UntrustedFileError, match="a method"):
        read(tampered("knn", other))


@pytest.mark.parametrize(
    "thing",
    [
        FUNCTION,
        FUNCTION | {"__loader__": "TypeNode", "__class__": "type", "__module__": "builtins"},
        FUNCTION | {"__loader__": "MethodNode"},
        FUNCTION | {"__loader__": "PartialNode"},
        FUNCTION | {"__loader__": "ObjectNode"},
        FUNCTION | {"__loader__": "OperatorFuncNode"},
        # trusted by skops
        FUNCTION | {"__class__": "sin", "__module__": "numpy"},
        FUNCTION
        | {"__loader__": "ObjectNode"}
        | {"__class__": "KDTree", "__module__": "sklearn.neighbors._kd_tree"},
        # of the list, but made in another way
        FUNCTION
        | {"__loader__": "ConstructorFromReduceNode"}
        | {"__class__": "SVC", "__module__": "sklearn.svm._classes"},
    ],
)
def test_what_no_model_holds_is_not_made(thing, tampered):
    def add(schema, entries):  # noqa: ARG001
        attributes = fitted(schema, "KNeighborsClassifier", "_fit_X")
        attributes["more"] = thing

    name = rf"holds {thing['__module__']}\.{thing['__class__']} \(as {thing['__loader__']}\)"
    with pytest.raises(UntrustedFileError, match=name):
        read(tampered("knn", add))


@pytest.mark.parametrize("step", [DummyClassifier(), FunctionTransformer(np.sin)])
def test_estimators_that_skops_trusts_and_we_do_not_know(step, tmp_path):
    skops.io.dump(Pipeline([("step", step)]), tmp_path / "estimator.skops")
    with pytest.raises(UntrustedFileError, match="which no model of ours does"):
        read(tmp_path / "estimator.skops")


def test_an_attribute_in_the_place_of_a_method(tampered):
    def hide(schema, entries):  # noqa: ARG001
        machine = next(n for n in nodes(schema, "DictNode") if "_gamma" in n["content"])
        machine["content"]["_impl"] = machine["content"]["kernel"]
        machine["key_types"]["content"].append(machine["key_types"]["content"][0])

    with pytest.raises(UntrustedFileError, match="gives SVC its own '_impl'"):
        read(tampered("svm", hide))


def test_another_version_of_scikit_learn(tampered):
    def age(schema, entries):  # noqa: ARG001
        number(fitted(schema, "KNeighborsClassifier", "_fit_X")["_sklearn_version"], "1.0.2")

    with pytest.raises(UntrustedFileError, match=r"is of scikit-learn 1\.0\.2, not"):
        read(tampered("knn", age))


def test_an_old_protocol(tampered):
    with pytest.raises(UntrustedFileError, match="its protocol is 0"):
        read(tampered("knn", lambda schema, _: schema.update(protocol=0)))


def test_something_else_than_a_pipeline(tmp_path):
    skops.io.dump(KNeighborsClassifier(), tmp_path / "estimator.skops")
    with pytest.raises(UntrustedFileError, match="holds a KNeighborsClassifier, not a pipeline"):
        read(tmp_path / "estimator.skops")


def test_a_file_that_unfolds(tampered):
    def add(schema, entries):  # noqa: ARG001
        entries["zeros.npy"] = bytes(10**6)

    with pytest.raises(UntrustedFileError, match="it unfolds"):
        read(tampered("knn", add, zipfile.ZIP_DEFLATED))


def test_an_array_larger_than_memory(tampered):
    def swell(schema, entries):
        node = fitted(schema, "KNeighborsClassifier", "_fit_X")["_fit_X"]
        header = "{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000000, 5), }"
        entries[node["file"]] = np.lib.format.magic(1, 0) + b"v\0" + f"{header:<117}\n".encode()

    with pytest.raises(UntrustedFileError, match="damaged"):
        read(tampered("knn", swell))


@pytest.mark.parametrize("name", ["knn", "random_forest"])
def test_random_damage_is_an_error_or_harmless(name, stored, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "estimator.skops"
    refused = 0
    for _ in range(60):
        data = bytearray(stored[name])
        for place in rng.integers(len(data), size=rng.integers(1, 4)):
            data[place] ^= 1 << rng.integers(8)
        path.write_bytes(data[: rng.integers(len(data))] if rng.random() < 0.2 else data)
        try:
            check(read(path))
        except UntrustedFileError:
            refused += 1
    assert refused > 40


def test_no_file_is_an_error_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "estimator.skops")
