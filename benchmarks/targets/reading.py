"""Reading batches for training, against the same rows in memory already.

What the rows hold does not matter to a copy, so they are random bytes. Files are in the page
cache: a store that is read for the second time, as in every epoch but the first.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import torch
from measure import Line, paired

from soundstage import loading, views
from soundstage.loading import Segments
from soundstage.params import Split
from soundstage.splits import Parts
from soundstage.store.build import build
from soundstage.store.description import Description
from soundstage.store.read import Feature
from soundstage.store.shards import Row

CLIPS = 1000
CLIPS_PER_SHARD = 64
BATCH, ROUNDS = 16, 300
GENRES = tuple("abcdefghij")

PCM8 = ("sample",), (465_984,), "int8"  # 30 s at 16 kHz
MFCC = ("slice", "frame", "coefficient"), (10, 130, 13), "float32"  # ten slices of 3 s
STATS = ("column",), (58,), "float32"


def store(
    data: Path,
    name: str,
    axes: Sequence[str],
    shape: Sequence[int],
    dtype: str,
    clips: int = CLIPS,
) -> Path:
    """Fill a store with random rows; return the path of a view of them all."""

    def rows(_prefix: str, keys: Sequence[str]) -> Iterator[Row]:
        for key in keys:
            rng = np.random.default_rng(int(key, 16))
            yield Row(key, rng.integers(-128, 128, shape, np.int8).astype(dtype))

    keys = [sha256(str(i).encode()).hexdigest()[:32] for i in range(clips)]
    description = Description(
        name=name,
        kind=name,
        source="random",
        source_fingerprint="",
        parameters={"shape": list(shape)},
        code={},
        libraries={},
        axes=axes,
        dtype=dtype,
        unit="1",
        sample_rate=16000,
        columns=[f"c{i}" for i in range(shape[0])] if axes == ("column",) else (),
    )
    folder = data / "store" / name
    # One process: the closure above goes to no other.
    with patch.dict(os.environ, SOUNDSTAGE_JOBS="1"):
        build(folder, description, keys, rows, clips_per_shard=CLIPS_PER_SHARD, cache=data / "kept")
    names = [f"{GENRES[i % len(GENRES)]}.{i:05}" for i in range(clips)]
    table = pl.DataFrame({"track": names, "key": keys, "genre": [name[0] for name in names]})
    table = table.with_columns(group="track", reason=pl.lit(None, pl.String))
    split = Split(name="group", seed=0, valid=0.0, test=0.0, folds=None, fold=0)
    parts = Parts("group", split, table.select("track", part=pl.lit("train")))
    view = views.build(table, parts, Feature(folder), model=name, target="genre", code="")
    path = data / "views" / f"{name}.parquet"
    views.write(view, path)
    return path


def _batches(segments: Segments, what: str, bound: str = "") -> Line:
    """Measure random batches against a loop that copies the same rows from memory."""
    X, _ = segments.batch(range(len(segments)))
    held = list(X)
    rng = np.random.default_rng(0)
    # Both read the same batches, drawn beforehand: to draw one takes as long as to read slices.
    draws = [rng.choice(len(segments), BATCH, replace=False).tolist() for _ in range(ROUNDS + 2)]
    read, copied = iter(draws), iter(draws)

    def ours() -> np.ndarray:
        return segments.batch(next(read))[0]

    def reference() -> np.ndarray:
        batch = np.empty((BATCH, *X.shape[1:]), X.dtype)
        for row, i in zip(batch, next(copied), strict=True):
            row[:] = held[i]
        return batch

    assert (ours() == reference()).all()
    return paired(
        what,
        ours,
        "the same rows copied from memory",
        reference,
        target=2,
        faster=False,
        rounds=ROUNDS,
        agreement="identical",
        bound=bound,
    )


def measure() -> list[Line]:
    """Measure reading batches."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        views_of = {
            name: store(Path(folder), name, *kind)
            for name, kind in {"pcm8": PCM8, "mfcc": MFCC}.items()
        }
        lines = [
            _batches(Segments(views_of["pcm8"], "train"), "16 random clips, int8 PCM of 30 s"),
            _batches(Segments(views_of["mfcc"], "train"), "16 random MFCC slices of 130 x 13"),
        ]
        with patch.object(loading, "HELD", 0):
            lines.append(
                _batches(
                    Segments(views_of["mfcc"], "train"),
                    "the same of a part too large for memory",
                    "one system call a row",
                )
            )
    return lines
