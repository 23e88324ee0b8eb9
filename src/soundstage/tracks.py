"""The table of tracks: a data set's metadata joined with what lies in its folder.

One schema for every data set:

track    the track's name, unique
path     of its file, relative to the data set's folder
key      content hash of the file; null where there is none
reason   why the file cannot be read, as far as the listing knows (`missing` if it is not there)
genre    its one genre, or null
tags     its tags, or null where the data set has none
group    what a split must keep together
artist, album, song    null where unknown; `artist/album` where albums of one name are many
seconds  how long the data set says it is, or null
splits   its part (`train`, `valid`, `test`) in each split that comes with the data set; a track may
         have two parts in one split, or none
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from soundstage import untrusted_parquet
from soundstage.diagnostics import Finding
from soundstage.errors import SoundstageError
from soundstage.labels import Placeholders, cleaned, clips, in_one_case, look_alikes
from soundstage.params import Labels

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
_OPTIONAL = ("key", "genre", "tags", "group", "artist", "album", "song", "seconds", "splits")
_USUAL = Labels()
_SAID = ("genre", "artist", "album", "song")  # what may be missing of some tracks


def settle(metadata: pl.DataFrame, labels: Labels) -> tuple[pl.DataFrame, list[Finding]]:
    """Settle what the labels and names of a data set mean, the same way for all data sets.

    Genres, tags and names are cleaned, see `labels.clean`. Labels that differ in case only become
    one where `labels.one_case` says so. Groups that the data set does not state follow from
    artists, albums and songs, see `grouping.groups`; there a placeholder for a name is none: a
    compilation does not tie its clips together by the name of its artist.

    Parameters
    ----------
    metadata: the columns of `SCHEMA` but reason; what a data set does not know may be left out or
    null. `artist/album` and `artist/song` are names that the artist's own makes whole.

    Returns
    -------
    The table with all columns, and what is worth knowing of it.
    """
    table = metadata.with_columns(
        pl.lit(None, SCHEMA[name]).alias(name) for name in _OPTIONAL if name not in metadata.columns
    )
    genre: Sequence[str | None] = [cleaned(name) for name in table["genre"]]
    tags = [_distinct(row) for row in table["tags"].to_list()]
    placeholders = Placeholders(labels.placeholders)
    stated = list(table.select("artist", "album", "song").iter_rows())
    names = [_names(artist, album, song, placeholders) for artist, album, song in stated]
    if not table["group"].null_count():
        names = [(cleaned(artist), cleaned(album), cleaned(song)) for artist, album, song in stated]
    counts = _counts(genre), _counts(tag for row in tags for tag in row or ())
    if labels.one_case:
        of_genre, of_tag = map(in_one_case, counts)
        genre = [of_genre.get(name, name) if name else None for name in genre]
        tags = [row and _distinct([of_tag.get(tag, tag) for tag in row]) for row in tags]
        counts = _counts(genre), _counts(tag for row in tags for tag in row or ())
    artist, album, song = zip(*names, strict=True) if names else ((), (), ())
    settled = table.with_columns(
        pl.Series("tags", tags, pl.List(pl.String)),
        *(
            pl.Series(name, values, pl.String)
            for name, values in zip(_SAID, (genre, artist, album, song), strict=True)
        ),
    )
    if settled["group"].null_count():
        from soundstage.grouping import groups  # scipy's graphs take time to import

        known = {name: settled[name].to_list() for name in ("group", *_SAID[1:], "path")}
        settled = settled.with_columns(group=pl.Series(groups(known), dtype=pl.String))
    found = [
        *_missing(table),
        *placeholders.findings(),
        *look_alikes(counts[0]),
        *look_alikes(counts[1]),
        *_layout(settled),
    ]
    return settled, found


def _counts(labels: Iterable[str | None]) -> Counter[str]:
    return Counter(label for label in labels if label)


def _distinct(tags: Sequence[str | None] | None) -> list[str] | None:
    return None if tags is None else list(dict.fromkeys(tag for t in tags if (tag := cleaned(t))))


def _names(
    artist: str | None, album: str | None, song: str | None, placeholders: Placeholders
) -> tuple[str | None, str | None, str | None]:
    """Return a track's artist, album and song, each None where it is unknown or a placeholder.

    A song that is named with its artist is none without one: the first songs of two compilations
    are two songs. An album is: who is on a compilation is unknown, but not which one it is.
    """
    known, before = placeholders.without("artist", cleaned(artist)), f"{artist or ''}/"

    def whole(role: str, name: str | None) -> str | None:
        inner = placeholders.without(role, cleaned((name or "").removeprefix(before)))
        return f"{cleaned(artist)}/{inner}" if inner and _is_of(artist, name) else inner

    return (
        known,
        whole("album", album),
        whole("song", song) if known or not _is_of(artist, song) else None,
    )


def _is_of(artist: str | None, name: str | None) -> bool:
    return bool(artist and name and name.startswith(f"{artist}/"))


def _missing(table: pl.DataFrame) -> list[Finding]:
    """Say of what is known of some tracks how many lack it; of splits only of the user's own."""
    known = {name: [cleaned(value) is not None for value in table[name]] for name in _SAID}
    known["tags"] = [bool(row) for row in table["tags"].to_list()]
    known["split"] = [
        any(of["split"] == "given" for of in row or ()) for row in table["splits"].to_list()
    ]
    return [
        Finding(name, "missing_value", f"{has.count(False)} of {len(has)} tracks have none")
        for name, has in known.items()
        if any(has) and not all(has)
    ]


def _layout(table: pl.DataFrame) -> list[Finding]:
    """Say where one genre or artist holds everything, or nothing ties tracks together."""
    paths, found = table["path"], []
    folders = len({str(PurePosixPath(path).parent) for path in paths})
    for role, code in (("genre", "one_genre"), ("artist", "one_artist")):
        if table[role].n_unique() == 1 and not table[role].null_count():
            held = f"{clips(len(paths))} in {folders} folder{'' if folders == 1 else 's'}"
            found.append(Finding(table[role][0], code, held))
    if (table["group"] == paths).all():
        found.append(Finding("group", "no_groups", clips(len(paths))))
    return found


def join(metadata: pl.DataFrame, listing: pl.DataFrame, labels: Labels = _USUAL) -> pl.DataFrame:
    """Return the table of `indexed` alone."""
    return indexed(metadata, listing, labels)[0]


def indexed(
    metadata: pl.DataFrame, listing: pl.DataFrame, labels: Labels
) -> tuple[pl.DataFrame, list[Finding]]:
    """Settle a data set's metadata, and give every track of it its file's content hash.

    Parameters
    ----------
    metadata: see `settle`. A key that it states itself, of a track without a file, is kept.
    listing: see `listing.list_files`.

    Returns
    -------
    The table of `SCHEMA`, sorted by track, and what is worth knowing of it: tracks without a file
    and readable files without a track are named too.

    Raises
    ------
    SoundstageError
        No tracks, two tracks of one name, or a track without any label.
    """
    if not len(metadata):
        raise SoundstageError("the data set has no tracks; is its folder complete?")
    metadata, found = settle(metadata, labels)
    twice = metadata.filter(pl.col("track").is_duplicated())["track"].unique().sort().to_list()
    if twice:
        raise SoundstageError(f"tracks must have distinct names, but these occur twice: {twice}")
    bare = metadata.filter(pl.col("genre").is_null() & pl.col("tags").is_null())
    if len(bare):
        raise SoundstageError(f"{bare['track'][0]}: needs a genre or tags")
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
    table = joined.select([pl.col(name).cast(kind) for name, kind in SCHEMA.items()]).sort("track")
    found += [Finding(path, "missing") for path in table.filter(reason="missing")["path"]]
    unnamed = listing.drop_nulls("key").join(table, on="path", how="anti")["path"]
    return table, [*found, *(Finding(path, "unnamed") for path in unnamed)]


def target_of(tracks: pl.DataFrame, target: str) -> str:
    """Return what a model is to tell: `auto` is the genre where the data set has any, else tags."""
    if target != "auto":
        return target
    return "genre" if tracks["genre"].count() else "tags"


def read(path: Path) -> pl.DataFrame:
    """Read a table of tracks."""
    return untrusted_parquet.read(path)[0]
