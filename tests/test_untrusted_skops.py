"""Files that were tampered with: only what a model of ours holds is made, of a whole file."""

import zipfile
from functools import partial

import numpy as np
import pytest
import skops.io
import skops_files
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from skops_files import MODELS, fitted, nodes, number, stored

from soundstage.untrusted_skops import UntrustedFileError, check, read

FUNCTION = {"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode", "__id__": 1}


@pytest.fixture
def tampered(tmp_path):
    """Return a function that changes a model's file, and returns where the result is."""
    return partial(skops_files.tampered, tmp_path / "estimator.skops")


@pytest.mark.parametrize("name", MODELS)
def test_untouched_files_are_read(name, tampered):
    path = tampered(name, lambda *_: None)
    X = np.random.default_rng(1).normal(size=(4, 5))
    expected = MODELS[name].predict_proba(X)
    np.testing.assert_array_equal(read(path).predict_proba(X), expected)
    path.write_bytes(stored()[name])
    np.testing.assert_array_equal(read(path).predict_proba(X), expected)


def test_a_thing_that_shares_the_id_of_another(tampered):
    """skops would make the first of the two: what is looked at is then not what is made."""

    def share(schema, _):
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
    def add(schema, _):
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
    def hide(schema, _):
        machine = next(n for n in nodes(schema, "DictNode") if "_gamma" in n["content"])
        machine["content"]["_impl"] = machine["content"]["kernel"]
        machine["key_types"]["content"].append(machine["key_types"]["content"][0])

    with pytest.raises(UntrustedFileError, match="gives SVC its own '_impl'"):
        read(tampered("svm", hide))


def test_another_version_of_scikit_learn(tampered):
    def age(schema, _):
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
    def add(_, entries):
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
def test_random_damage_is_an_error_or_harmless(name, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "estimator.skops"
    refused = 0
    for _ in range(60):
        data = bytearray(stored()[name])
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
