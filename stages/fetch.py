"""See to it that the data set's audio is there, list it, and note what code shapes the store."""

from _start import run

from soundstage import catalogue, paths
from soundstage.descriptions import code
from soundstage.files import write_json
from soundstage.params import Params


def fetch(params: Params) -> None:
    """List the data set in use; all parameters have been checked before, in being read.

    DVC compares the digests of each waveform's and each feature's code: they change with every
    file that it imports, however far away.
    """
    for name in (*params.top.waveforms, *params.features):
        write_json(paths.CODE / f"{name}.json", code(params, name))
    catalogue.fetch(params.dataset)


if __name__ == "__main__":
    run(fetch)
