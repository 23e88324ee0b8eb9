"""Say what the values of one feature are like, overall and by class."""

from _start import run

from soundstage import paths, tracks
from soundstage.files import write_json
from soundstage.params import Params
from soundstage.statistics import statistics
from soundstage.store.read import Feature


def main(params: Params, feature: str) -> None:
    """Write the feature's statistics."""
    found = statistics(Feature(paths.STORE / feature), tracks.read(paths.TRACKS))
    write_json(paths.FEATURES / f"{feature}.json", {"dataset": params.dataset.name} | found)


if __name__ == "__main__":
    run(main)
