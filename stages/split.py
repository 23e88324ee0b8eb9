"""Deal the tracks to training, validation and test."""

from _start import run

from soundstage import catalogue, diagnostics, paths, presence, splits, tracks
from soundstage.params import Params


def main(params: Params) -> None:
    """Write which track is in which part, and which labels some part lacks."""
    table, wanted = tracks.read(paths.TRACKS), params.top.split
    name, dealt = splits.split(table, wanted, honest=catalogue.known().honest)
    parts = splits.Parts(name, wanted, dealt)
    found = presence.findings(table, parts, params.top.target)
    print(*presence.lines(parts, found), sep="\n")
    presence.check(found, wanted)
    diagnostics.write(found, paths.WARNINGS / "split.parquet")
    splits.write(parts, paths.SPLITS)


if __name__ == "__main__":
    run(main)
