"""Scikit-learn pipelines from files that nobody vouches for.

skops makes objects of types it knows, and its own list has all of scikit-learn's estimators: more
than is needed here, and some whose compiled code follows indices that a file holds. So a file is
looked through before anything is made of it: it may name only the types below. What compiled code
will index with is checked before the pipeline is used.
"""

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

# How skops makes a thing, and the types it may so make here. Each is plain data, or a class whose
# making runs no code but the assignment of its attributes, except where it says more.
ALLOWED = {
    "JsonNode": {"builtins.str"},  # numbers, texts and lists of them, as JSON
    "ListNode": {"builtins.list"},
    "TupleNode": {"builtins.tuple"},
    "DictNode": {"builtins.dict"},
    "TypeNode": {"builtins.str"},  # of a dictionary's keys
    "NdArrayNode": {"numpy.ndarray", "numpy.float64", "numpy.int64"},  # read without pickle
    "ObjectNode": {
        "sklearn.pipeline.Pipeline",
        # Scalers and classifiers that compute with arrays in Python, so that numpy checks bounds
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._data.MinMaxScaler",
        "sklearn.preprocessing._label.LabelBinarizer",
        "sklearn.naive_bayes.GaussianNB",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.linear_model._stochastic_gradient.SGDClassifier",
        "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
        "sklearn.multiclass.OneVsRestClassifier",
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.calibration._CalibratedClassifier",  # a classifier and its temperature
        "sklearn.calibration._TemperatureScaling",  # one number
        # What training needed, and nothing asks any more
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",  # arrays and rates
        "sklearn.model_selection._split.StratifiedKFold",  # a number of folds and a seed
        # Compiled code indexes with their arrays: `CHECKS`
        "sklearn.neighbors._classification.KNeighborsClassifier",
        "sklearn.svm._classes.SVC",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.ensemble._forest.RandomForestClassifier",
    },
    "TreeNode": {"sklearn.tree._tree.Tree"},  # copies its arrays; see `_look_through` and `_tree`
    "LossNode": {"sklearn.linear_model._sgd_fast.Hinge"},  # one number; only training asks it
    "RandomStateNode": {"numpy.random.mtrand.RandomState"},  # MLPClassifier's; never drawn from
}
TYPES = sorted(set().union(*ALLOWED.values()))


PROTOCOL = 2  # of skops; files of an older one are read by other rules
# What reading a damaged file may raise: skops, numpy and scikit-learn make of it what they can.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


class UntrustedFileError(Exception):
    """What is wrong with a file, as a phrase."""


def read(path: Path) -> Pipeline:
    """Return the pipeline in a file.

    Raises
    ------
    UntrustedFileError
        The file is damaged, holds what no pipeline of ours does, or was written by another version
        of scikit-learn.
    FileNotFoundError
    """
    import skops.io  # seconds that others need not wait

    data = path.read_bytes()
    try:
        _look_through(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            pipeline = skops.io.loads(data, trusted=TYPES)
    except InconsistentVersionWarning as error:
        raise UntrustedFileError(
            f"is of scikit-learn {error.original_sklearn_version}, not "
            f"{error.current_sklearn_version}"
        ) from None
    except DAMAGE as error:
        raise UntrustedFileError(f"is damaged: {phrase(error)}") from error
    if type(pipeline) is not Pipeline:
        raise UntrustedFileError(f"holds a {type(pipeline).__name__}, not a pipeline")
    check(pipeline)
    return pipeline


def check(pipeline: Pipeline) -> None:
    """Check all that compiled code will index with; UntrustedFileError."""
    try:
        for part in _parts(pipeline, set()):
            hidden = [name for name in vars(part) if hasattr(type(part), name)]
            if hidden:
                raise UntrustedFileError(f"gives {type(part).__name__} its own {hidden[0]!r}")
            # One that was never fitted, from which others were cloned, answers nothing.
            if type(part) in CHECKS and any(name.endswith("_") for name in vars(part)):
                CHECKS[type(part)](part)
    except DAMAGE as error:
        raise UntrustedFileError(f"is damaged: {phrase(error)}") from error


def phrase(error: BaseException) -> str:
    """Return the start of an error's words, on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _require(holds: Any, what: str) -> None:
    if not holds:
        raise UntrustedFileError(f"is damaged: {what}")


def _look_through(data: bytes) -> None:
    """Check what a file would make, before it is made."""
    file = zipfile.ZipFile(io.BytesIO(data))
    entries = file.infolist()
    # skops writes without compression: then the content is no larger than the file.
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    _require(not packed and sum(e.file_size for e in entries) <= len(data), "it unfolds")
    schema = json.loads(file.read("schema.json"))
    _require(schema["protocol"] == PROTOCOL, f"its protocol is {schema['protocol']!r}")
    known: dict[Any, Any] = {}
    for node in _nodes(schema):
        loader, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
        if name not in ALLOWED.get(loader, ()):
            raise UntrustedFileError(f"holds {name} (as {loader}), which no model of ours does")
        # skops makes the first thing of an id and takes it for all others: they must be the same.
        # (An object's attributes are in a new dictionary, with a new id, each time it is written.)
        thing = (loader, name) if loader in {"ObjectNode", "DictNode"} else node
        _require(known.setdefault(node["__id__"], thing) == thing, "two things share an id")
        if loader == "TreeNode":
            # Tree(n_features, n_classes, n_outputs) reads n_outputs values from the array n_classes
            # without asking how many it has.
            _, n_classes, n_outputs = node["__reduce__"]["args"]["content"]
            found = np.load(io.BytesIO(file.read(n_classes["file"])), allow_pickle=False)
            _require(found.shape == (json.loads(n_outputs["content"]),), "a tree's classes")
            _require(((found > 0) & (found < 2**16)).all(), "a tree's classes")


def _nodes(state: Any) -> Iterator[dict[str, Any]]:
    """Yield all that skops would make a thing of."""
    waiting = [state]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if "__loader__" in found or "__id__" in found:
                yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _parts(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield every object of scikit-learn's that a value is made of."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _parts(item, seen)
    elif type(value).__module__.startswith("sklearn.") and hasattr(value, "__dict__"):
        yield value
        yield from _parts(vars(value), seen)


def _finite(*arrays: np.ndarray) -> bool:
    return all(a.dtype == np.float64 and np.isfinite(a).all() for a in arrays)


def _tree(model: DecisionTreeClassifier) -> None:
    """A node's children come after it, so there is no way in circles, and none out of the tree."""
    tree = model.tree_
    _require(tree.node_count == tree.capacity > 0, "a tree's number of nodes")
    _require(tree.n_features == model.n_features_in_, "a tree's number of columns")
    _require(tree.n_outputs == model.n_outputs_, "a tree's number of outputs")
    _require(np.array_equal(tree.n_classes, np.atleast_1d(model.n_classes_)), "a tree's classes")
    left, right = tree.children_left, tree.children_right
    leaf = left == -1
    _require(np.array_equal(right == -1, leaf), "a node with one child")
    own = np.arange(tree.node_count)[~leaf]
    for child in (left[~leaf], right[~leaf]):
        _require(((child > own) & (child < tree.node_count)).all(), "a node's child")
    children = np.concatenate([left[~leaf], right[~leaf]])
    _require(len(np.unique(children)) == len(children) == tree.node_count - 1, "a node's parent")
    feature = tree.feature[~leaf]
    _require(((feature >= 0) & (feature < tree.n_features)).all(), "a node's column")
    _require(np.isfinite(tree.threshold).all() and _finite(tree.value), "a node's numbers")


def _svc(model: SVC) -> None:
    """What libsvm reads of a machine of K classes and its support vectors (n, columns)."""
    K, n = len(model.classes_), len(model.support_vectors_)
    _require(model.kernel == "rbf" and model._sparse is False, "a kernel that is not ours")
    _require(model._gamma > 0 and np.isfinite(model._gamma), "gamma")
    _require(model.support_vectors_.shape == (n, model.n_features_in_), "support vectors")
    _require(model.support_.shape == (n,) and model.support_.dtype == np.int32, "support vectors")
    _require(model._n_support.shape == (K,) and model._n_support.dtype == np.int32, "n_support")
    _require((model._n_support >= 0).all() and model._n_support.sum() == n, "n_support")
    pairs = K * (K - 1) // 2
    for coefficients in (model.dual_coef_, model._dual_coef_):
        _require(coefficients.shape == (K - 1, n) and _finite(coefficients), "dual_coef")
    for intercept in (model.intercept_, model._intercept_):
        _require(intercept.shape == (pairs,) and _finite(intercept), "intercept")
    _require(_finite(model.support_vectors_), "support vectors")
    _require(len(model._probA) == len(model._probB) == 0, "probabilities of libsvm's own")


def _knn(model: KNeighborsClassifier) -> None:
    """Labels (n,) or (n, tags) that are places in the lists of classes, and n rows to compare."""
    n = model.n_samples_fit_
    _require(model._fit_method == model.algorithm == "brute" and model._tree is None, "a method")
    _require(model.metric == "minkowski" and model.effective_metric_ == "euclidean", "a metric")
    _require(model._fit_X.shape == (n, model.n_features_in_) and _finite(model._fit_X), "rows")
    labels = model._y.reshape(len(model._y), -1)
    classes = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
    _require(labels.shape == (n, len(classes)) and labels.dtype == np.int64, "labels")
    for column, known in zip(labels.T, classes, strict=True):
        _require(np.array_equal(known, np.arange(len(known))), "classes")
        _require(((column >= 0) & (column < len(known))).all(), "labels")


CHECKS: dict[type[BaseEstimator], Any] = {
    DecisionTreeClassifier: _tree,
    SVC: _svc,
    KNeighborsClassifier: _knn,
}
