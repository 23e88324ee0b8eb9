"""Train the chosen model on its view."""

from _start import run

from soundstage import checkpoints, paths
from soundstage.fitting import fit
from soundstage.params import Params


def main(params: Params) -> None:
    """Write the trained model and its curves."""
    component = params.models[params.top.model]
    view = paths.VIEWS / f"{component.name}.parquet"
    model, about = fit(component, view, seed=params.top.seed, curves=paths.CURVES)
    checkpoints.save(model, about, paths.CHECKPOINTS)


if __name__ == "__main__":
    run(main)
