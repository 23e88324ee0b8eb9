"""Miniature replicas of public data sets, in their exact official layouts.

Whoever wants audio too gives `sound`, which writes a clip: `sound(path, number, label)`.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Sound = Callable[[Path, int, str], None]

FMA_COLUMNS = {
    "album": (
        "comments", "date_created", "date_released", "engineer", "favorites", "id", "information",
        "listens", "producer", "tags", "title", "tracks", "type",
    ),
    "artist": (
        "active_year_begin", "active_year_end", "associated_labels", "bio", "comments",
        "date_created", "favorites", "id", "latitude", "location", "longitude", "members", "name",
        "related_projects", "tags", "website", "wikipedia_page",
    ),
    "set": ("split", "subset"),
    "track": (
        "bit_rate", "comments", "composer", "date_created", "date_recorded", "duration",
        "favorites", "genre_top", "genres", "genres_all", "information", "interest",
        "language_code", "license", "listens", "lyricist", "number", "publisher", "tags", "title",
    ),
}  # fmt: skip
FMA_SUBSETS = ("small", "medium", "large", "full")  # each holds those before it
FMA_GENRES = {21: "Hip-Hop", 12: "Rock", 25: "Punk", 15: "Electronic", 76: "Experimental Pop"}


@dataclass(frozen=True)
class Track:
    """A row of FMA's tracks.csv."""

    number: int
    artist: int
    part: str = "training"
    subset: str = "small"
    genre: str = "Rock"
    genres: Sequence[int] = (12,)
    seconds: int = 168
    album: int = 1
    title: str = "Food"


def fma(
    root: Path, tracks: Sequence[Track], sound: Sound | None = None, *, subset: str = "small"
) -> None:
    """Write `fma_metadata/` of all tracks, and the audio of a subset's to `fma_<subset>/`."""
    metadata = root / "fma_metadata"
    metadata.mkdir(parents=True)
    pairs = [(group, name) for group, names in FMA_COLUMNS.items() for name in names]
    with (metadata / "tracks.csv").open("w", encoding="utf-8", newline="") as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["", *(group for group, _ in pairs)])
        rows.writerow(["", *(name for _, name in pairs)])
        rows.writerow(["track_id", *("" for _ in pairs)])
        for track in tracks:
            known = {
                ("album", "id"): track.album,
                ("album", "title"): "" if track.album < 0 else f"AWOL, volume {track.album}",
                ("artist", "bio"): '<p>A "biography",\nof more\r\nthan one line, é</p>',
                ("artist", "id"): track.artist,
                ("artist", "name"): "AWOL",
                ("set", "split"): track.part,
                ("set", "subset"): track.subset,
                ("track", "duration"): track.seconds,
                ("track", "genre_top"): track.genre,
                ("track", "genres"): str(list(track.genres)),
                ("track", "tags"): "['a', 'b']",
                ("track", "title"): track.title,
            }
            rows.writerow([track.number, *(known.get(pair, "") for pair in pairs)])
    with (metadata / "genres.csv").open("w", encoding="utf-8", newline="") as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["genre_id", "#tracks", "parent", "title", "top_level"])
        rows.writerows([number, 9, 0, title, number] for number, title in FMA_GENRES.items())
    held = FMA_SUBSETS[: FMA_SUBSETS.index(subset) + 1]
    for track in [track for track in tracks if track.subset in held] if sound else ():
        number = f"{track.number:06}"
        sound(root / f"fma_{subset}" / number[:3] / f"{number}.mp3", track.number, track.genre)


@dataclass(frozen=True)
class Clip:
    """A row of MagnaTagATune's tables."""

    number: int
    folder: str
    artist: str
    tags: Sequence[str] = ()
    album: str = "First Album"
    track: int = 1
    title: str = "A Song"
    start: int = 30
    file: str = field(default="", kw_only=True)

    @property
    def path(self) -> str:
        """The path of its file."""
        words = (self.artist, self.album, f"{self.track:02}", self.title)
        name = "-".join(re.sub(r"\W", "_", word).lower() for word in words)
        return self.file or f"{self.folder}/{name}-{self.start}-{self.start + 29}.mp3"


def magnatagatune(
    root: Path, clips: Sequence[Clip], tags: Sequence[str], sound: Sound | None = None
) -> None:
    """Write both tables, and the audio to the folders 0 to f.

    `tags` are the columns of the annotations, in this order.
    """
    root.mkdir(parents=True, exist_ok=True)
    _table(
        root / "annotations_final.csv",
        [
            {"clip_id": clip.number}
            | {tag: int(tag in clip.tags) for tag in tags}
            | {"mp3_path": clip.path}
            for clip in clips
        ],
    )
    _table(
        root / "clip_info_final.csv",
        [
            {
                "clip_id": clip.number,
                "track_number": f"{clip.track:02}",
                "title": clip.title,
                "artist": clip.artist,
                "album": clip.album,
                "url": "http://www.magnatune.com/artists/albums/abs-solocantatas/",
                "segmentStart": clip.start,
                "segmentEnd": clip.start + 29,
                "original_url": "http://he3.magnatune.com/all/01.mp3",
                "mp3_path": clip.path,
            }
            for clip in clips
        ],
    )
    for clip in clips if sound else ():
        sound(root / clip.path, clip.number, clip.tags[0] if clip.tags else "")


def _table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", encoding="ascii", newline="") as text:
        table = csv.DictWriter(
            text, list(rows[0]), delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n"
        )
        table.writeheader()
        table.writerows(rows)


def gtzan(
    root: Path,
    genres: Sequence[str],
    songs: int,
    sound: Sound,
    *,
    folder: str = "genres",
    ending: str = "wav",
) -> None:
    """Write `<folder>/<genre>/<genre>.00000.<ending>` and the lists of the fault-filtered split.

    Of each genre half of the songs train, a quarter validates and a quarter tests.
    """
    parts: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for genre in genres:
        for i in range(songs):
            name = f"{genre}/{genre}.{i:05}"
            sound(root / folder / f"{name}.{ending}", i, genre)
            part = "train" if 2 * i < songs else "valid" if 4 * i < 3 * songs else "test"
            parts[part].append(f"{name}.wav")
    for part, names in parts.items():
        (root / f"{part}_filtered.txt").write_text("\n".join(names) + "\n")


@dataclass(frozen=True)
class JamendoTrack:
    """A row of MTG-Jamendo's tables, and its part in each of the five splits, as letters.

    `parts`: for each split t (train), v (validation), e (test) or - (none).
    """

    number: int
    artist: int
    tags: Sequence[str]
    parts: str = "ttttt"
    seconds: float = 124.6

    @property
    def path(self) -> str:
        """The path of its file, at the full bit rate."""
        return f"{self.number % 100:02}/{self.number}.mp3"


def mtg_jamendo(
    root: Path,
    tracks: Sequence[JamendoTrack],
    sound: Sound | None = None,
    *,
    tables: str = "data",
    subset: str = "",
    discarded: Sequence[str] = (),
    ending: str = ".mp3",
) -> None:
    """Write a subset's table and the lists of its five splits, and the audio.

    `discarded` are tags that the table has, but not the lists.
    """

    def write(path: Path, kept: Sequence[JamendoTrack], without: Sequence[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="ascii", newline="") as text:
            rows = csv.writer(text, delimiter="\t")
            rows.writerow(["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"])
            for t in kept:
                names = f"track_{t.number:07}", f"artist_{t.artist:06}", f"album_{t.artist + 17:06}"
                tags = [tag for tag in t.tags if tag not in without]
                rows.writerow([*names, t.path, t.seconds, *tags])

    write(root / tables / f"autotagging{subset}.tsv", tracks, ())
    for i in range(5):
        for letter, part in {"t": "train", "v": "validation", "e": "test"}.items():
            file = root / tables / f"splits/split-{i}/autotagging{subset}-{part}.tsv"
            write(file, [t for t in tracks if t.parts[i] == letter], discarded)
    for t in tracks if sound else ():
        sound(root / t.path.replace(".mp3", ending), t.number, t.tags[0])
