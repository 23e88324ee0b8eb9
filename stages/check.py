"""Check all of params.yaml before anything is computed."""

from _start import run

from soundstage import paths
from soundstage.params import Params


def check(_params: Params) -> None:
    """Say that the parameters are right: had they been wrong, they would not have been read."""
    paths.PARAMS_OK.parent.mkdir(exist_ok=True)
    paths.PARAMS_OK.write_text("ok\n")


if __name__ == "__main__":
    run(check)
