"""Files of scikit-learn models as skops writes them, and ways to tamper with them."""

import io
import json
import zipfile
from functools import cache

import numpy as np
import skops.io

from soundstage.models.knn import knn
from soundstage.models.mlp import mlp
from soundstage.models.random_forest import random_forest
from soundstage.models.svm import svm

MODELS = {
    "knn": knn(k=3),
    "random_forest": random_forest(seed=0, n_estimators=2, max_depth=3),
    "svm": svm(multilabel=False, seed=0),
    "mlp": mlp(seed=0, hidden=(3,), max_iter=300, learning_rate=0.05),
}


@cache
def stored():
    """Return a file of each model, trained on sixty rows of five columns, three classes."""
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), 20)
    X = 2 * rng.normal(size=(3, 5))[y] + rng.normal(size=(60, 5))
    return {name: skops.io.dumps(model.fit(X, y)) for name, model in MODELS.items()}


def tampered(path, name, change, compression=zipfile.ZIP_STORED):
    """Write a model's file, changed by `change(schema, entries)`; return `path`."""
    with zipfile.ZipFile(io.BytesIO(stored()[name])) as file:
        entries = {entry: file.read(entry) for entry in file.namelist()}
    schema = json.loads(entries.pop("schema.json"))
    change(schema, entries)
    with zipfile.ZipFile(path, "w", compression) as file:
        for entry, content in entries.items():
            file.writestr(entry, content)
        file.writestr("schema.json", json.dumps(schema))
    return path


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
