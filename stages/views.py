"""List the rows of the store that one model reads."""

from _start import run

from soundstage import fingerprint, paths, registry, splits, tracks, views
from soundstage.params import Params
from soundstage.store.read import Feature


def main(params: Params, name: str) -> None:
    """Write the model's view; where it cannot have this data set, an empty one that says why."""
    model = params.models[name]
    view = views.build(
        tracks.read(paths.TRACKS),
        splits.read(paths.SPLITS),
        Feature(paths.STORE / model.input),
        model=name,
        target=params.top.target,
        segment=model.segment,
        cut=params.top.cut,
        code=fingerprint.code_digest(registry.source_file("models", model.kind)),
    )
    print(*views.lines(view), sep="\n")
    views.write(view, paths.VIEWS / f"{name}.parquet")


if __name__ == "__main__":
    run(main)
