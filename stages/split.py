"""Deal the tracks to training, validation and test."""

from _start import run

from soundstage import catalogue, paths, splits, tracks
from soundstage.params import Params


def main(params: Params) -> None:
    """Write which track is in which part."""
    honest = catalogue.known().honest
    name, table = splits.split(tracks.read(paths.TRACKS), params.top.split, honest=honest)
    splits.write(splits.Parts(name, params.top.split, table), paths.SPLITS)


if __name__ == "__main__":
    run(main)
