"""Decode every file to one waveform of the store."""

from _start import run

from soundstage import paths
from soundstage.extraction import decode
from soundstage.files import write_json
from soundstage.params import Params


def main(params: Params, waveform: str) -> None:
    """Fill the waveform's folder and count the verdicts."""
    found = {"dataset": params.dataset.name} | decode(params, waveform)
    write_json(paths.INGEST / f"{waveform}.json", found)


if __name__ == "__main__":
    run(main)
