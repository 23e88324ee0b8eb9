"""MagnaTagATune: 25,863 clips of 29 s with 188 tags, given by the players of a game.

The official split deals whole folders (0 to b train, c validates, d to f test), which keeps songs
and albums together, but not artists: 2,680 of the 4,332 test clips with a top-50 tag have an artist
that is in training too. The generic split `artist` is stricter; like all of these it deals the
clean clips, see below, and with `split.clips: all` the full ones. The data set's own are

official_folder_clean   only the clips that have at least one of the tags in use: what published
                        tables of the top-50 tags hold, so `honest` means this one
official_folder_full    all 25,860 readable clips
tail1635                what paper 000 did: of the readable clips with a top-10 tag the last 1,635
                        by number validate, and here they test as well

Clean and full never belong in one column: published areas under the precision-recall curve are .44
to .49 on the clean clips and .38 to .41 on all of them.

The Echo Nest's analyses (a folder `mp3_echonest_xml`) are optional: of a clip that has one, the
feature `echonest_events` is read from it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from soundstage import echonest_xml
from soundstage.datasets._archives import fetch_folder
from soundstage.download import download
from soundstage.dsp import events
from soundstage.errors import SoundstageError

CITATION = (
    "E. Law, K. West, M. Mandel, M. Bay and J. S. Downie, Evaluation of algorithms using games: "
    "the case of music tagging, ISMIR 2009, 387-392."
)
LICENCE = "Creative Commons Attribution-NonCommercial-ShareAlike 3.0; the recordings: Magnatune's."

ANNOTATIONS, CLIPS = "annotations_final.csv", "clip_info_final.csv"
METADATA = (ANNOTATIONS, CLIPS)
HONEST = "official_folder_clean"
SPLITS = ("official_folder_clean", "official_folder_full", "tail1635")
FAULTS = dict.fromkeys(
    (
        "6/norine_braun-now_and_zen-08-gently-117-146.mp3",
        "8/jacob_heringman-josquin_des_prez_lute_settings-19-gintzler__pater_noster-204-233.mp3",
        "9/american_baroque-dances_and_suites_of_rameau_and_couperin-25-le_petit_rien_xiveme_ordre"
        "_couperin-88-117.mp3",
    ),
    "empty",
)
FILES = 25_863  # of which three are empty: 25,860 clips can be used
TAGS = 188
SECONDS = (465_984 / 16_000, 465_984 / 16_000)  # of the shortest and the longest clip
SOURCE = "The Echo Nest"
BESIDE = (".xml",)  # its analyses, a file a clip

_ADDRESS = "https://mirg.city.ac.uk/datasets/magnatagatune"
_TABLES = {
    ANNOTATIONS: "md5:f04fa01752a8cc64f6e1ca142a0fef1d",
    CLIPS: "md5:03ef3cb8ddcfe53fdcdb8e0cda005be2",
}
_AUDIO = {
    "mp3.zip.001": "md5:179c91c8c2a6e9b3da3d4e69d306fd3b",
    "mp3.zip.002": "md5:acf8265ff2e35c6ff22210e46457a824",
    "mp3.zip.003": "md5:582dc649cabb8cd991f09e14b99349a5",
}
_ANALYSES = {"mp3_echonest_xml.zip": "md5:09be4ac8c682a8c182279276fadb37f9"}
_TAIL = 1635


def fetch(root: Path, own: Path, metadata: Mapping[str, Path]) -> None:
    """Download the two tables (30 MB), and without a folder of the user's own all of it (3 GB).

    Raises
    ------
    SoundstageError
        The user's folder holds no clips, or something cannot be downloaded. Only the Echo Nest's
        analyses may be missing.
    """
    if root == own:
        fetch_folder(own / "mp3", _ADDRESS, _AUDIO)
        try:
            fetch_folder(own / "mp3_echonest_xml", _ADDRESS, _ANALYSES, tries=1)
        except SoundstageError as error:
            print(f"the Echo Nest's analyses are computed from the audio instead: {error}")
    elif not any(root.glob("**/[0-9a-f]/*.mp3")):
        raise SoundstageError(
            f"{root}: holds no MagnaTagATune; set the data set's `root` in params.yaml to the "
            "folder that holds its folders 0 to f, at any depth, or to the archive mp3.zip.001, or "
            "remove `root` to have it downloaded"
        )
    for name, checksum in _TABLES.items():
        if metadata.get(name, own / name) == own / name:  # there, it is checked
            download(f"{_ADDRESS}/{name}", own / name, checksum=checksum)


def tracks(
    files: Sequence[str],
    metadata: Mapping[str, Path],
    *,
    tags: Literal["top10", "top50", "all"] = "top50",
) -> pl.DataFrame:
    """Return a track a clip, named by its number, so that sorted by name is sorted by number.

    A song is an artist's album's track; the group is the artist. Says where the annotations are not
    of 25,863 clips and 188 tags.

    Parameters
    ----------
    tags : the most frequent ones, over all clips, or all 188. Clips with none of them stay.

    Raises
    ------
    SoundstageError
        A table is damaged, or has been saved in another format.
    """
    annotations = _read(metadata[ANNOTATIONS], {"clip_id", "mp3_path"})
    about = {"track_number", "title", "artist", "album", "segmentStart", "segmentEnd"}
    clips = _read(metadata[CLIPS], {"clip_id", *about}).select("clip_id", *sorted(about))
    names = top_tags(annotations)
    if (len(annotations), len(names)) != (FILES, TAGS):
        print(
            f"warning: {metadata[ANNOTATIONS]}: {len(annotations)} clips and {len(names)} tags, "
            f"where the whole data set has {FILES} and {TAGS}"
        )
    count = {"top10": 10, "top50": 50, "all": len(names)}[tags]
    return (
        annotations.select(
            "clip_id",
            "mp3_path",
            tags=_tags_of_clips(names[:count]),
            top10=_tags_of_clips(names[:10]),
            readable=~pl.col("mp3_path").is_in(list(FAULTS)),
        )
        .join(clips, on="clip_id", how="left")
        .sort("clip_id")
        .with_columns(pl.col("artist", "album", "title").replace("", None))
        .select(
            track=pl.format(
                "{}-{}",
                pl.col("clip_id").cast(pl.String).str.zfill(5),
                pl.col("mp3_path").str.split("/").list.last().str.strip_suffix(".mp3"),
            ),
            path=pl.col("mp3_path").replace(_whole_paths(files)),
            tags="tags",
            group=pl.coalesce("artist", "mp3_path"),
            artist="artist",
            album=pl.concat_str("artist", "album", separator=" / "),
            song=pl.concat_str("artist", "album", "track_number", "title", separator=" / "),
            seconds=(pl.col("segmentEnd") - pl.col("segmentStart")).cast(pl.Float64),
            splits=_splits(),
        )
    )


def top_tags(annotations: pl.DataFrame) -> list[str]:
    """Return the tags, the most frequent first; of equally frequent ones in order of the alphabet.

    `annotations`: the table of that name, its columns strings.
    """
    counts = annotations.drop("clip_id", "mp3_path").select((pl.all() == "1").sum())
    return [name for name, _ in sorted(counts.row(0, named=True).items(), key=_frequent_first)]


def _frequent_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _read(file: Path, needed: set[str]) -> pl.DataFrame:
    try:
        table = pl.read_csv(
            file,
            separator="\t",
            infer_schema=False,
            schema_overrides=dict.fromkeys(("clip_id", "segmentStart", "segmentEnd"), pl.Int64),
        )
    except pl.exceptions.PolarsError as error:
        what = str(error).partition("\n")[0]  # after it come hints to programmers
        raise SoundstageError(f"{file}: cannot be read, get it again: {what}") from error
    if missing := needed - set(table.columns):
        raise SoundstageError(
            f"{file}: lacks the column {min(missing)!r}; the original's are separated by tabs, and "
            "its first line names them: get it again"
        )
    return table


def _tags_of_clips(names: Sequence[str]) -> pl.Expr:
    said = [pl.when(pl.col(name) == "1").then(pl.lit(name)) for name in names]
    return pl.concat_list(said).list.drop_nulls()


def _tail_of_path(path: pl.Expr) -> pl.Expr:
    """Return folder and name, which is what the data set's own paths are."""
    return path.str.split("/").list.tail(2).list.join("/")


def _whole_paths(files: Sequence[str]) -> dict[str, str]:
    """Return a path as the data set has it -> the path of that file; of two, the first in order."""
    paths = pl.DataFrame({"path": sorted(files, reverse=True)}, {"path": pl.String})
    return dict(paths.select(_tail_of_path(pl.col("path")), whole="path").iter_rows())


def _splits() -> pl.Expr:
    """Return the parts of clips in order of their numbers."""
    folder, readable = pl.col("mp3_path").str.head(1), pl.col("readable")
    by_folder = (
        pl.when(folder <= "b")
        .then(pl.lit("train"))
        .when(folder == "c")
        .then(pl.lit("valid"))
        .otherwise(pl.lit("test"))
    )
    candidate = readable & (pl.col("top10").list.len() > 0)
    in_tail = candidate.cast(pl.Int32).cum_sum(reverse=True) <= _TAIL
    chosen = [
        ("official_folder_full", by_folder, readable),
        ("official_folder_clean", by_folder, readable & (pl.col("tags").list.len() > 0)),
        ("tail1635", pl.lit("train"), candidate & ~in_tail),
        ("tail1635", pl.lit("valid"), candidate & in_tail),
        ("tail1635", pl.lit("test"), candidate & in_tail),
    ]
    entries = [pl.when(has).then(pl.struct(split=pl.lit(s), part=p)) for s, p, has in chosen]
    return pl.concat_list(entries).list.drop_nulls()


def supplied(files: pl.DataFrame, _metadata: Mapping[str, Path]) -> dict[str, pl.DataFrame]:
    """Return the clips of which there is an analysis by the Echo Nest."""
    path = pl.col("path")
    # Not of the empty files, which are one by their content, but three clips.
    clips = files.filter(path.str.ends_with(".mp3"), pl.col("size") > 0).drop_nulls("key")
    analyses = files.filter(path.str.ends_with(".mp3.xml")).drop_nulls("key")
    rows = clips.select("key", clip=_tail_of_path(path)).join(
        analyses.select(
            clip=_tail_of_path(path.str.strip_suffix(".xml")), name="path", digest="key"
        ),
        on="clip",
    )
    rows = rows.sort("key", "name").unique("key", keep="first", maintain_order=True)
    return {"echonest_events": rows.select("key", "name", "digest")} if len(rows) else {}


def supplier(
    _feature: str, columns: Sequence[str], root: Path, _metadata: Mapping[str, Path]
) -> Callable[[str], np.ndarray | None]:
    """Return a function from an analysis' path to its float32 (events, columns).

    None, and a line that says why, where it cannot be read: the clip is not lost for it, but
    analysed like those that have none.
    """
    order = [events.COLUMNS.index(column) for column in columns]

    def read(name: str) -> np.ndarray | None:
        try:
            return echonest_xml.read(root / name)[:, order]
        except echonest_xml.RejectedAnalysisError as error:
            print(f"warning: {error}; the clip's analysis is computed from its audio instead")
            return None

    return read
