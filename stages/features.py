"""Compute one feature of every clip."""

from _start import run

from soundstage.extraction import extract
from soundstage.params import Params


def main(params: Params, feature: str) -> None:
    """Fill the feature's folder of the store."""
    extract(params, feature)


if __name__ == "__main__":
    run(main)
