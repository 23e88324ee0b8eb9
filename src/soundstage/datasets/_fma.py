"""What the four sizes of the Free Music Archive's data set share."""

import csv
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Literal

import polars as pl

from soundstage.datasets._archives import fetch_folder
from soundstage.errors import SoundstageError

Subset = Literal["small", "medium", "large", "full"]
SUBSETS: tuple[Subset, ...] = ("small", "medium", "large", "full")  # each holds those before it

CITATION = (
    "M. Defferrard, K. Benzi, P. Vandergheynst and X. Bresson, FMA: A dataset for music analysis, "
    "ISMIR 2017, 316-323. arXiv:1612.01840."
)
LICENCE = (
    "The metadata: Creative Commons Attribution 4.0. Each recording: the licence its artist chose, "
    "see `track.license` in tracks.csv."
)
HONEST = "official"
SPLITS = ("official",)

# The metadata's folder lies within the audio's or, as its authors have it, beside it.
_FOLDERS = ("fma_metadata/", "", "../fma_metadata/")
METADATA = tuple(folder + name for name in ("tracks.csv", "genres.csv") for folder in _FOLDERS)

_ADDRESS = "https://os.unil.cloud.switch.ch/fma"
_SHA1 = {
    "metadata": "f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
    "small": "ade154f733639d52e35e32f5593efe5be76c6d70",
    "medium": "c67b69ea232021025fca9231fc1c7c1a063ab50b",
    "large": "497109f4dd721066b5ce5e5f250ec604dc78939e",
    "full": "0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab",
}
_PARTS = {"training": "train", "validation": "valid", "test": "test"}
# Tracks that train, validate and test in the split `official`.
SIZES = {
    "small": (6400, 800, 800),
    "medium": (19_922, 2505, 2573),
    "large": (84_353, 10_958, 11_263),
    "full": (84_353, 10_958, 11_263),
}
_CLIP = 30.0  # seconds from the middle of a track, or all of a shorter one; `full` is not cut
_COLUMNS = {
    ("", ""): "number",
    ("album", "id"): "album_id",
    ("album", "title"): "album",
    ("artist", "id"): "artist_id",
    ("artist", "name"): "artist",
    ("set", "split"): "part",
    ("set", "subset"): "subset",
    ("track", "duration"): "seconds",
    ("track", "genre_top"): "genre",
    ("track", "genres"): "genres",
    ("track", "title"): "title",
}


def path_of(track: int) -> str:
    """Return a track's path as the archives have it: `099/099134.mp3` of 99134."""
    return f"{track // 1000:03}/{track:06}.mp3"


def faults(tracks: Mapping[int, str]) -> dict[str, str]:
    """Return path -> fault of tracks by their numbers."""
    return {path_of(track): fault for track, fault in tracks.items()}


def fetch(root: Path, own: Path, metadata: Mapping[str, Path], subset: Subset) -> None:
    """Download the metadata (342 MiB), and without a folder of the user's own the audio.

    Raises
    ------
    SoundstageError
        The user's folder holds no clips, or something cannot be downloaded.
    """
    if root == own:
        _fetch_archive(own, subset)
    elif not any(root.glob("**/[0-9][0-9][0-9]/[0-9]*.mp3")):
        raise SoundstageError(
            f"{root}: holds no FMA; set the data set's `root` in params.yaml to the folder that "
            f"holds {path_of(2)}, at any depth, or to the archive fma_{subset}.zip, or remove "
            "`root` to have it downloaded"
        )
    if _find(metadata, "tracks.csv") is None or _find(metadata, "genres.csv") is None:
        _fetch_archive(own, "metadata")


def _fetch_archive(own: Path, what: str) -> None:
    name = f"fma_{what}"
    fetch_folder(own / name, _ADDRESS, {f"{name}.zip": f"sha1:{_SHA1[what]}"})


def _find(metadata: Mapping[str, Path], name: str) -> Path | None:
    return next((metadata[f + name] for f in _FOLDERS if f + name in metadata), None)


def tracks(files: Sequence[str], metadata: Mapping[str, Path], subset: Subset) -> pl.DataFrame:
    """Return a track each, named by its six-digit number.

    The genre is the top one, unknown for half of `large` and `full`; the tags are all that the
    artist chose, of 161 genres. Artists and albums are told apart by their numbers, so a name may
    stand for two. Says where the official split is not of its published size.

    Raises
    ------
    SoundstageError
        A table is missing or damaged.
    """
    table, titles = _find(metadata, "tracks.csv"), _find(metadata, "genres.csv")
    if table is None or titles is None:
        raise SoundstageError("FMA: tracks.csv and genres.csv are needed; run fetch again")
    chosen = SUBSETS[: SUBSETS.index(subset) + 1]
    name = pl.col("number").str.zfill(6)
    found = _read_tracks(table).filter(pl.col("subset").is_in(list(chosen)))
    sizes = tuple((found["part"] == part).sum() for part in _PARTS)
    if sizes != SIZES[subset]:
        print(f"warning: {table}: deals {sizes} tracks of fma_{subset}, not {SIZES[subset]}")
    seconds = pl.col("seconds").cast(pl.Float64)
    part = pl.col("part").replace_strict(_PARTS, default=None)
    official = pl.struct(split=pl.lit("official"), part=part)
    return found.select(
        track=name,
        path=pl.format("{}/{}.mp3", name.str.head(3), name).replace(_whole_paths(files, subset)),
        genre="genre",
        tags=pl.col("genres")
        .fill_null("")
        .str.extract_all(r"\d+")
        .list.eval(pl.element().replace_strict(_titles(titles), default=None).drop_nulls()),
        group=pl.coalesce(_named("artist"), name),
        artist=_named("artist"),
        album=_named("album"),
        song=pl.concat_str(_named("artist"), "title", separator=" / "),
        seconds=seconds if subset == "full" else seconds.clip(upper_bound=_CLIP),
        splits=pl.when(part.is_not_null()).then(pl.concat_list(official)),
    )


def _named(what: str) -> pl.Expr:
    """Return a name with its number; nothing where there is none (numbers less than 1)."""
    number = pl.col(f"{what}_id")
    return pl.when(number.cast(pl.Int64, strict=False) > 0).then(
        pl.format("{} ({})", pl.col(what).fill_null("unnamed"), number)
    )


def _whole_paths(files: Sequence[str], subset: str) -> dict[str, str]:
    """Return a path as the archives have it -> the path of that file.

    Where several sizes lie in one folder, the same name stands for other audio in `full`: a file
    that lies in the subset's own folder is preferred, else the first in order is taken.
    """
    own = f"fma_{subset}"
    paths: dict[str, str] = {}
    for file in sorted(files, key=lambda file: (own not in file.split("/"), file)):
        paths.setdefault("/".join(PurePosixPath(file).parts[-2:]), file)
    return paths


def _read_tracks(file: Path) -> pl.DataFrame:
    """Read the columns of `_COLUMNS` as strings: of 260 MB, most are biographies.

    The first two lines name the columns, the third one the index.
    """
    try:
        with file.open(encoding="utf-8", newline="") as text:
            first = list(islice(csv.reader(text), 3))
    except (UnicodeDecodeError, csv.Error) as error:
        raise SoundstageError(f"{file}: is no tracks.csv of FMA, get it again: {error}") from error
    places = {pair: i for i, pair in enumerate(zip(*first[:2], strict=False))}
    missing = _COLUMNS.keys() - places.keys()
    if len(first) < 3 or missing:
        lacks = ".".join(min(missing)) if missing else "its third line"
        raise SoundstageError(f"{file}: is no tracks.csv of FMA, it lacks {lacks}; get it again")
    order = sorted(_COLUMNS, key=places.__getitem__)
    try:
        table = pl.read_csv(
            file,
            has_header=False,
            skip_rows=3,
            columns=[places[pair] for pair in order],
            infer_schema=False,
        )
    except pl.exceptions.PolarsError as error:
        raise SoundstageError(f"{file}: cannot be read, get it again: {error}") from error
    table.columns = [_COLUMNS[pair] for pair in order]
    table = table.with_columns(pl.all().replace("", None))
    whole = pl.col("number").str.contains(r"^\d+$") & pl.col("subset").is_in(list(SUBSETS))
    timed = pl.col("seconds").str.contains(r"^\d+(\.\d+)?$").fill_null(True)
    if len(broken := table.filter(~(whole.fill_null(False) & timed))):
        number = broken["number"][0]
        raise SoundstageError(f"{file}: track {number} is cut off or damaged; get it again")
    return table


def _titles(file: Path) -> dict[str, str]:
    """Return the number of a genre -> its title."""
    try:
        table = pl.read_csv(file, columns=["genre_id", "title"], infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise SoundstageError(f"{file}: is no genres.csv of FMA, get it again: {error}") from error
    return dict(table.select("genre_id", "title").iter_rows())
