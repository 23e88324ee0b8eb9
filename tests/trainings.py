"""A network and a machine to train on the library's clips, for tests of training."""

from dataclasses import replace

import torch

from soundstage.fitting import fit
from soundstage.params import Component, Training

STATS_CNN = Component("m", "stats_cnn", "stats", {"dropout": 0.5})
SVM = Component("m", "svm", "stats", {"C": 1.0, "gamma": "scale"})


def fitted(component, path, tmp_path, *, epochs=10, seed=0, rate=1e-2, **options):
    """Return a component trained on a view, and what is said of it; curves are in `tmp_path`."""
    if component.kind != "svm":
        setting = Training(epochs=epochs, batch_size=8, learning_rate=rate, **options)
        component = replace(component, training=setting)
    return fit(component, path, seed=seed, curves=tmp_path / "curves")


def weights(path, tmp_path, **options):
    """Return the weights of the network, trained on a view."""
    model, _ = fitted(STATS_CNN, path, tmp_path, **options)
    return {name: value.cpu() for name, value in model.state_dict().items()}


def assert_same(found, expected):
    """Compare weights bit by bit."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
