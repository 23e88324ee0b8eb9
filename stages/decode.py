"""Decode every file to one waveform of the store."""

from _start import run

from soundstage import paths
from soundstage.extraction import decode
from soundstage.files import write_json
from soundstage.params import Params


def main(params: Params, waveform: str) -> None:
    """Fill the waveform's folder and count the verdicts."""
    write_json(paths.INGEST / f"{waveform}.json", decode(params, waveform))


if __name__ == "__main__":
    run(main)
