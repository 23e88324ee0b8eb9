"""Join the listed files with the data set's metadata."""

from _start import run

from soundstage import catalogue
from soundstage.params import Params


def index(params: Params) -> None:
    """Write the table of tracks."""
    catalogue.index(params.dataset, params.top.labels)


if __name__ == "__main__":
    run(index)
