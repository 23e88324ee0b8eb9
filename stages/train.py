"""Train the chosen model on its view."""

from _start import run

from soundstage import checkpoints, paths, training
from soundstage.loading import Segments
from soundstage.params import Params


def main(params: Params) -> None:
    """Write the trained model and its curves."""
    component, seed = params.models[params.top.model], params.top.seed
    view = paths.VIEWS / f"{component.name}.parquet"
    segments = Segments(view, "train")
    about = checkpoints.component_about(component, segments)
    model = checkpoints.create(about, seed=seed)
    paths.CURVES.mkdir(parents=True, exist_ok=True)
    if component.training:
        model = training.train(model, view, component.training, seed=seed, curves=paths.CURVES)
    else:
        model.fit(*segments.batch(range(len(segments))))
    checkpoints.save(model, about, paths.CHECKPOINTS)


if __name__ == "__main__":
    run(main)
