"""The table of tracks: a data set's metadata joined with what lies in its folder.

One schema for every data set:

track    the track's name, unique
path     of its file, relative to the data set's folder
key      content hash of the file; null where there is none
reason   why the file cannot be read, as far as the listing knows (`missing` if it is not there)
genre    its one genre, or null
tags     its tags, or null where the data set has none
group    what a split must keep together
artist, album, song    null where unknown
seconds  how long the data set says it is, or null
splits   its part (`train`, `valid`, `test`) in each split that comes with the data set; a track may
         have two parts in one split, or none
"""

from pathlib import Path

import polars as pl

from soundstage.errors import SoundstageError

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "track": pl.String,
    "path": pl.String,
    "key": pl.String,
    "reason": pl.String,
    "genre": pl.String,
    "tags": pl.List(pl.String),
    "group": pl.String,
    "artist": pl.String,
    "album": pl.String,
    "song": pl.String,
    "seconds": pl.Float64,
    "splits": pl.List(pl.Struct({"split": pl.String, "part": pl.String})),
}
_OPTIONAL = ("genre", "tags", "artist", "album", "song", "seconds", "splits")


def join(metadata: pl.DataFrame, listing: pl.DataFrame) -> pl.DataFrame:
    """Give every track of a data set's metadata its file's content hash.

    Parameters
    ----------
    metadata: the columns of `SCHEMA` but key and reason; what a data set does not know may be left
    out. A key that it states itself, of a track without a file, is kept.
    listing: see `listing.list_files`.

    Returns
    -------
    The table of `SCHEMA`, sorted by track.

    Raises
    ------
    SoundstageError
        No tracks, two tracks of one name, or a track without a group or any label.
    """
    metadata = metadata.with_columns(
        pl.lit(None, SCHEMA[name]).alias(name)
        for name in ("key", *_OPTIONAL)
        if name not in metadata.columns
    )
    if not len(metadata):
        raise SoundstageError("the data set has no tracks; is its folder complete?")
    twice = metadata.filter(pl.col("track").is_duplicated())["track"].unique().sort().to_list()
    if twice:
        raise SoundstageError(f"tracks must have distinct names, but these occur twice: {twice}")
    bare = metadata.filter(
        pl.col("group").is_null() | (pl.col("genre").is_null() & pl.col("tags").is_null())
    )
    if len(bare):
        raise SoundstageError(f"{bare['track'][0]}: needs a group, and a genre or tags")
    listed = listing.select("path", "reason", listed="key")
    joined = metadata.join(listed, on="path", how="left")
    joined = joined.with_columns(key=pl.coalesce("key", "listed"))
    # A file that is its own group shares it with files of the same bytes, or goes with theirs.
    alone = (pl.col("group") == pl.col("path")) & pl.col("key").is_not_null()
    of_others = pl.col("group").filter(~alone).min().over("key")
    joined = joined.with_columns(
        group=pl.when(alone)
        .then(pl.coalesce(of_others, pl.col("path").min().over("key")))
        .otherwise("group")
    ).with_columns(
        reason=pl.when(pl.col("key").is_null() & pl.col("reason").is_null())
        .then(pl.lit("missing"))
        .otherwise("reason")
    )
    return joined.select([pl.col(name).cast(kind) for name, kind in SCHEMA.items()]).sort("track")


def target_of(tracks: pl.DataFrame, target: str) -> str:
    """Return what a model is to tell: `auto` is the genre where the data set has any, else tags."""
    if target != "auto":
        return target
    return "genre" if tracks["genre"].count() else "tags"


def unlabelled(tracks: pl.DataFrame, listing: pl.DataFrame) -> list[str]:
    """Return the listed files that no track names."""
    return listing.join(tracks, on="path", how="anti")["path"].sort().to_list()


def read(path: Path) -> pl.DataFrame:
    """Read a table of tracks."""
    if not path.exists():
        raise SoundstageError(f"{path}: no such file; run `dvc repro`")
    return pl.read_parquet(path)
