"""Check all of params.yaml before anything is computed, and note what code shapes the store."""

from _start import run

from soundstage import paths
from soundstage.descriptions import code
from soundstage.files import write_json
from soundstage.params import Params


def check(params: Params) -> None:
    """Say that the parameters are right: had they been wrong, they would not have been read.

    DVC compares the digests of each waveform's and each feature's code: they change with every
    file that it imports, however far away, and not with a comment.
    """
    paths.CODE.mkdir(parents=True, exist_ok=True)
    for name in (*params.top.waveforms, *params.features):
        write_json(paths.CODE / f"{name}.json", code(params, name))
    paths.PARAMS_OK.write_text("ok\n")


if __name__ == "__main__":
    run(check)
