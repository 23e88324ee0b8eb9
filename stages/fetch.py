"""See to it that the data set's audio is there, list it, and note the code that will work on it."""

from _start import run

from soundstage import catalogue, paths
from soundstage.descriptions import unseen
from soundstage.files import write_json
from soundstage.params import Params


def fetch(params: Params) -> None:
    """List the data set in use; all parameters have been checked before, in being read."""
    for name, shaping in unseen(params).items():
        write_json(paths.CODE / f"{name}.json", shaping)
    catalogue.fetch(params.dataset)


if __name__ == "__main__":
    run(fetch)
