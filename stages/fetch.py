"""See to it that the data set's audio is there, and list it."""

from _start import run

from soundstage import catalogue
from soundstage.params import Params


def fetch(params: Params) -> None:
    """List the data set in use."""
    catalogue.fetch(params.dataset)


if __name__ == "__main__":
    run(fetch)
