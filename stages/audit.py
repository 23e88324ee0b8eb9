"""Count what validation and test share with training."""

import polars as pl
from _start import run

from soundstage import paths, tracks
from soundstage.audit import audit, lines
from soundstage.files import write_json
from soundstage.params import Params
from soundstage.store.read import Feature


def main(params: Params) -> None:
    """Write and print the leakage report."""
    decoded = Feature(paths.STORE / params.top.audit.waveform).table()
    checksums = dict(decoded.select("key", "checksum").iter_rows())
    report = audit(tracks.read(paths.TRACKS), pl.read_parquet(paths.SPLITS), checksums)
    write_json(
        paths.LEAKAGE, {"dataset": params.dataset.name, "split": params.top.split.name} | report
    )
    print(*lines(report), sep="\n")


if __name__ == "__main__":
    run(main)
