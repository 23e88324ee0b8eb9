"""Count what validation and test share with training."""

from _start import run

from soundstage import diagnostics, near_duplicates, paths, splits, tracks
from soundstage.audit import audit, crossing, lines, two_labels
from soundstage.files import write_json
from soundstage.params import Params
from soundstage.store.read import Feature


def main(params: Params) -> None:
    """Write and print the leakage report."""
    settings = params.top.audit
    decoded = Feature(paths.STORE / settings.waveform).table()
    checksums = dict(decoded.select("key", "checksum").iter_rows())
    near = near_duplicates.find(
        Feature(paths.STORE / settings.landmarks),
        share=settings.near_share,
        many=settings.near_many,
        share_of_many=settings.near_share_of_many,
    )
    table, parts = tracks.read(paths.TRACKS), splits.read(paths.SPLITS)
    recordings = near_duplicates.groups(near, checksums)
    report = audit(table, parts.table, checksums, recordings, params.top.target)
    torn = two_labels(table, recordings)
    about = {"dataset": params.dataset.name, "split": parts.name}
    write_json(paths.LEAKAGE, about | report | {"two_labels": len(torn)})
    diagnostics.write(torn, paths.WARNINGS / "audit.parquet")
    print(*lines(report, crossing(table, parts.table, near)), *diagnostics.lines(torn), sep="\n")


if __name__ == "__main__":
    run(main)
