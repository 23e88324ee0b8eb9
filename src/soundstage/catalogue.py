"""The data set in use: fetch it, list its files, index its tracks."""

from pathlib import Path

import polars as pl

from soundstage import fingerprint, paths, registry, tracks
from soundstage.files import whole_or_not_at_all, write_json
from soundstage.listing import audio_files, list_files, remembered, summary
from soundstage.params import Component


def root(dataset: Component) -> Path:
    """Return a data set's folder: the user's own, or one under the main checkout's data/raw."""
    if not dataset.input:
        return paths.raw(dataset.name)
    return (
        paths.main_checkout() / Path(dataset.input).expanduser()
    )  # an absolute one stays as it is


def fetch(dataset: Component) -> None:
    """Fetch or render what is missing of a data set, and list what is there.

    Writes two listings, so that new labels touch no audio stage: `data/files.parquet` lists the
    audio, and `data/metadata.json` all that shapes the table of tracks: the metadata files'
    hashes, the data set's parameters and its code.
    """
    module = registry.load("datasets", dataset.kind)
    folder = root(dataset)
    module.fetch(folder, **dataset.arguments)
    memory = paths.kept() / "hashes" / f"{fingerprint.digest(str(folder.resolve()))}.parquet"
    before, listing = remembered(memory), list_files(folder, memory)
    is_metadata = pl.col("path").is_in(list(module.METADATA))

    audio, ignored = audio_files(listing.filter(~is_metadata))
    print(f"{dataset.name}: {summary(before, listing)}", *filter(None, [ignored]), sep="; ")
    with whole_or_not_at_all(paths.FILES) as temporary:
        audio.write_parquet(temporary)
    about = {
        "dataset": dataset.name,
        "kind": dataset.kind,
        "parameters": dict(dataset.arguments),
        "code": fingerprint.code_digest(registry.source_file("datasets", dataset.kind)),
        "files": dict(listing.filter(is_metadata).select("path", "key").iter_rows()),
    }
    write_json(paths.METADATA, about)


def index(dataset: Component) -> None:
    """Write the table of tracks, see `tracks.SCHEMA`; says which files no track names."""
    listing = pl.read_parquet(paths.FILES)
    module = registry.load("datasets", dataset.kind)
    table = tracks.join(module.tracks(root(dataset), listing["path"].to_list()), listing)
    for path in tracks.unlabelled(table, listing.drop_nulls("key")):
        print(f"no track names {path}: it is decoded, but no model reads it")
    with whole_or_not_at_all(paths.TRACKS) as temporary:
        table.write_parquet(temporary)
