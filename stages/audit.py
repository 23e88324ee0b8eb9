"""Count what validation and test share with training."""

from _start import run

from soundstage import near_duplicates, paths, splits, tracks
from soundstage.audit import audit, crossing, lines
from soundstage.files import write_json
from soundstage.params import Params
from soundstage.store.read import Feature


def main(params: Params) -> None:
    """Write and print the leakage report."""
    settings = params.top.audit
    decoded = Feature(paths.STORE / settings.waveform).table()
    checksums = dict(decoded.select("key", "checksum").iter_rows())
    near = near_duplicates.find(
        Feature(paths.STORE / settings.landmarks), share=settings.near_share
    )
    table, parts = tracks.read(paths.TRACKS), splits.read(paths.SPLITS)
    recordings = near_duplicates.groups(near, checksums)
    report = audit(table, parts.table, checksums, recordings, params.top.target)
    write_json(paths.LEAKAGE, {"dataset": params.dataset.name, "split": parts.name} | report)
    print(*lines(report, crossing(table, parts.table, near)), sep="\n")


if __name__ == "__main__":
    run(main)
