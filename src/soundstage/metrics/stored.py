"""Predictions as a file: `data/predictions.parquet`, which holds the validation part's too.

part, track, segment, group, target (index of the genre, or of each tag whether it is there), and a
column `p_<class>` a class with its probability; a row a segment. What all rows share lies in the
file's metadata: `About`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from soundstage import untrusted_parquet
from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
from soundstage.metrics.predictions import Predictions


@dataclass(frozen=True)
class About:
    """What all rows of stored predictions share.

    `train_shares`: the share of training clips in each class. `thresholds`: each tag's, tuned on
    the validation part; None for genres, and where there is no validation part. `warning`: code ->
    how many of the warnings that touch the scores have it, see `diagnostics.WARNINGS`.
    """

    model: str
    dataset: str
    split: str
    target: str
    classes: Sequence[str]
    train_shares: Sequence[float]
    thresholds: Sequence[float] | None
    warning: Mapping[str, int] = field(default_factory=dict)


def table(found: Predictions) -> pl.DataFrame:
    """Return one part's predictions as a table."""
    return pl.DataFrame(
        {"track": found.track, "segment": found.segment, "group": found.group}
        | {"target": found.y_true.tolist()}
        | {f"p_{name}": found.probability[:, i] for i, name in enumerate(found.classes)}
    )


def write(parts: Mapping[str, Predictions], about: About, path: Path) -> None:
    """Write the predictions of some parts, which may share tracks, to a Parquet file."""
    named = [
        table(found).select(pl.lit(part).alias("part"), pl.all()) for part, found in parts.items()
    ]
    said = json.dumps(asdict(about), ensure_ascii=False)
    write_parquet(path, pl.concat(named), {"soundstage": said})


def read(path: Path, part: str = "test", *, called: str | None = None) -> tuple[Predictions, About]:
    """Read one part's predictions, thresholds not applied, and what the file says of itself.

    Parameters
    ----------
    called: how errors name the file, if not by its path.

    Raises
    ------
    SoundstageError
        There is no such file, it holds no predictions as this version writes them, or none of the
        part.
    """
    called = called or str(path)
    if not path.exists():
        raise SoundstageError(f"{called}: no such file; run `dvc repro evaluate`")
    try:
        rows, said = untrusted_parquet.read_described(path)
        about = About(**said)
        rows = rows.filter(part=part)
        if not len(rows):
            raise LookupError(f"none of part {part!r}")
        target = rows["target"].to_list()
        return (
            Predictions(
                track=rows["track"].to_numpy().astype(str),
                segment=rows["segment"].to_numpy(),
                group=rows["group"].to_numpy().astype(str),
                y_true=np.array(target, bool if about.target == "tags" else np.int64),
                probability=rows.select(f"p_{n}" for n in about.classes).to_numpy().astype(float),
                classes=tuple(about.classes),
                train_shares=np.array(about.train_shares, np.float64),
            ),
            about,
        )
    except (
        *(SoundstageError, pl.exceptions.PolarsError),
        *(LookupError, TypeError, ValueError, OverflowError),
    ) as error:
        raise SoundstageError(
            f"{called}: no predictions as this version writes them ({_first_line(error)}); "
            "run `dvc repro evaluate`"
        ) from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
