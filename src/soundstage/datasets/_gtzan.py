"""What the audio of GTZAN and the public tables of its features share: songs, citation, splits."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from soundstage.download import download
from soundstage.errors import SoundstageError

CITATION = (
    "G. Tzanetakis and P. Cook, Musical genre classification of audio signals, IEEE Transactions "
    "on Speech and Audio Processing 10(5), 2002, 293-302. Its faults: B. L. Sturm, The GTZAN "
    "dataset: Its contents, its faults, their effects on evaluation, and its future use, "
    "arXiv:1306.1461, 2013. The fault-filtered split: C. Kereliuk, B. L. Sturm and J. Larsen, Deep "
    "learning and music adversaries, IEEE Transactions on Multimedia 17(11), 2015, 2059-2071."
)
LICENCE = "None is stated: excerpts of commercial recordings, for research."

GENRES = (
    "blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock",
)  # fmt: skip
HONEST = "fault_filtered"

_ADDRESS = "https://raw.githubusercontent.com/coreyker/dnn-mgr/master/gtzan/"
_SHA256 = {
    "train_filtered.txt": "2b04966cef1486f1a7767b74271533fa23e220388db804a1937835e1fc4fa3fa",
    "valid_filtered.txt": "f8fbee7c52397a0e0f3a91dc54fedecb2e27f5bdc9a9daeab8cb10d077e26956",
    "test_filtered.txt": "09cafa6a89ce0a27f30ed250d56ecb4d03c22fffb5a693f96c7ae655ee02ac72",
}

_SONG = re.compile(rf"((?:{'|'.join(GENRES)})\.\d{{5}})(?:\.|$)")

# A list, of lines like `blues/blues.00012.wav` -> in which split its songs are which part. In
# `fault_filtered_holdout` validation is test, so that a model without choices learns from more.
_PARTS = {
    "train_filtered.txt": [("fault_filtered", "train"), ("fault_filtered_holdout", "train")],
    "valid_filtered.txt": [("fault_filtered", "valid"), ("fault_filtered_holdout", "train")],
    "test_filtered.txt": [
        ("fault_filtered", "test"),
        ("fault_filtered_holdout", "valid"),
        ("fault_filtered_holdout", "test"),
    ],
    "train_stratified.txt": [("stratified", "train")],
    "valid_stratified.txt": [("stratified", "valid")],
    "test_stratified.txt": [("stratified", "test")],
}
LISTS = tuple(_PARTS)
SPLITS = ("fault_filtered", "fault_filtered_holdout", "stratified")


def song(name: str) -> str | None:
    """Return the song that a file's name begins with, `blues.00012` of `blues.00012.3.wav`."""
    found = _SONG.match(name)
    return found[1] if found else None


def fetch_lists(own: Path, metadata: Mapping[str, Path]) -> None:
    """See to it that the lists of the fault-filtered split are there: three files of 20 kB.

    Without them (no network) the data set is as good as ever, but that split cannot be chosen; so
    no run waits for them.
    """
    for name, digest in _SHA256.items():
        if name in metadata:
            continue
        try:
            download(_ADDRESS + name, own / name, checksum=f"sha256:{digest}", tries=1)
        except SoundstageError as error:
            print(f"warning: the split {HONEST!r} cannot be chosen in this run: {error}")
            return


def table(
    rows: Iterable[tuple[str, str, str, str | None]], metadata: Mapping[str, Path]
) -> pl.DataFrame:
    """Return the table of tracks of (track, path, song, key).

    The artists of most songs are not known to us, so a group is a song, and of the splits only
    the fault-filtered ones keep artists apart. Says where their lists are not the published ones.

    Raises
    ------
    SoundstageError
        A list is no text, or two lists of one split name the same song.
    """
    parts = _parts(metadata)
    return pl.DataFrame(
        [
            {
                "track": track,
                "path": path,
                "key": key,
                "genre": name.partition(".")[0],
                "group": name,
                "song": name,
                "splits": parts.get(name),
            }
            for track, path, name, key in rows
        ],
        schema_overrides={
            "key": pl.String,
            "splits": pl.List(pl.Struct({"split": pl.String, "part": pl.String})),
        },
    )


def _parts(metadata: Mapping[str, Path]) -> dict[str, list[dict[str, str]]]:
    """Return song -> its parts in the splits of which no list is missing."""
    missing = {split for name in _PARTS.keys() - metadata.keys() for split, _ in _PARTS[name]}
    found = defaultdict[str, list[dict[str, str]]](list)
    first: dict[tuple[str, str], str] = {}  # a split and a song -> the list that names it first
    foreign = []
    for name in LISTS:
        entries = [{"split": s, "part": part} for s, part in _PARTS[name] if s not in missing]
        if not entries:
            continue
        songs = _songs(metadata[name])
        if name in _SHA256 and _digest(songs) != _SHA256[name]:
            foreign.append(str(metadata[name]))
        for stem in songs:
            other = first.setdefault((entries[0]["split"], stem), name)
            if other != name:
                raise SoundstageError(
                    f"{metadata[name]}: {stem} is in {metadata[other]} too, and no song may be in "
                    "two parts of a split; get both lists again"
                )
            found[stem] += entries
    if foreign:
        print(
            f"warning: {', '.join(foreign)}: not the published songs, so {HONEST!r} is another "
            "split than others': results cannot be compared"
        )
    return found


def _digest(songs: Iterable[str]) -> str:
    """Return the SHA-256 of a list of songs written as the published ones are."""
    text = "".join(f"{stem.partition('.')[0]}/{stem}.wav\n" for stem in songs)
    return hashlib.sha256(text.encode()).hexdigest()


def _songs(file: Path) -> list[str]:
    """Return the songs of a list, sorted, each once."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SoundstageError(f"{file}: is no list of songs, get it again: {error}") from error
    return sorted({stem for line in lines if (stem := song(line.strip().rpartition("/")[2]))})
