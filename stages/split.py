"""Deal the tracks to training, validation and test."""

from _start import run

from soundstage import paths, splits, tracks
from soundstage.files import whole_or_not_at_all
from soundstage.params import Params


def main(params: Params) -> None:
    """Write which track is in which part."""
    parts = splits.split(tracks.read(paths.TRACKS), **params.top.split.model_dump())
    with whole_or_not_at_all(paths.SPLITS) as temporary:
        parts.write_parquet(temporary)


if __name__ == "__main__":
    run(main)
