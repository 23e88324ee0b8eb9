"""Offline audio feature store and DVC pipeline for music genre classification and tagging.

import soundstage as ss
store = ss.open("data/store")                          # reads index.json files only
S = store["mel"]["reel.00000"]                         # one array
X, y = ss.arrays("data/views/svm.parquet", "train")    # numpy
loader = ss.loader("data/views/cnn1d.parquet", "train", batch_size=16)  # torch
"""

from soundstage.errors import SoundstageError
from soundstage.loading import arrays, loader
from soundstage.store.read import open_store as open

__all__ = ["SoundstageError", "arrays", "loader", "open"]
