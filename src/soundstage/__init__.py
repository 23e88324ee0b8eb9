"""Offline audio feature store and DVC pipeline for music genre classification and tagging.

import soundstage as ss
store = ss.open("data/store")                          # reads index.json files only
S = store["mel"]["reel.00000"]                         # one array
view = "data/views/mfcc_lstm.parquet"
X, y = ss.arrays(view, "train")                        # numpy
loader = ss.loader(view, "train", batch_size=16)       # torch
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from soundstage.errors import SoundstageError

if TYPE_CHECKING:
    from soundstage.loading import arrays, loader
    from soundstage.store.read import open_store as open

__all__ = ["SoundstageError", "arrays", "loader", "open"]

# Imported when asked for: a stage that splits tracks should not wait for what reads arrays.
_PLACES = {
    "open": ("soundstage.store.read", "open_store"),
    "arrays": ("soundstage.loading", "arrays"),
    "loader": ("soundstage.loading", "loader"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _PLACES[name]
    return getattr(import_module(module), function)
