"""Files whose arrays lead out of memory, where scikit-learn's compiled code would follow them."""

from functools import partial

import numpy as np
import pytest
import skops_files
from skops_files import edit, fitted, nodes, number

from soundstage.untrusted_skops import UntrustedFileError, read


@pytest.fixture
def tampered(tmp_path):
    """Return a function that changes a model's file, and returns where the result is."""
    return partial(skops_files.tampered, tmp_path / "estimator.skops")


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
    def lie(schema, _):
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
    def other(schema, _):
        number(fitted(schema, "KNeighborsClassifier", "_fit_X")["_fit_method"], "kd_tree")

    with pytest.raises(UntrustedFileError, match="a method"):
        read(tampered("knn", other))
