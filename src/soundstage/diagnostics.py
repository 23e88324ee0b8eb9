"""All that is said of a file, a label, a split or a cut: a code, a sentence and a remedy for each.

A refusal keeps a file out of the store, a warning does not. Stages keep what they find as `SCHEMA`
in a folder of their own (`paths.WARNINGS`), print it once by `lines`, and `soundstage warnings`
shows all of it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from soundstage.files import write_parquet
from soundstage.terminal import shown


class Diagnostic(NamedTuple):
    """What a code means, as the end of a sentence about its subject, and what to do about it."""

    sentence: str
    remedy: str


class Finding(NamedTuple):
    """One thing found: of which file, track, label or part; its code; what the code leaves open."""

    subject: str
    code: str
    detail: str = ""


SCHEMA = dict.fromkeys(Finding._fields, pl.String)
_NAMED = 3  # subjects of one code that a stage names; the rest is counted

# Why a file gives no waveform.
REFUSALS = {
    # found by listing the data set's folder
    "not_a_file": Diagnostic(
        "is a folder, a FIFO, a device, a link that leads nowhere, or gone",
        "put a file there, or remove it",
    ),
    "outside": Diagnostic(
        "is a link that leaves the data set's folder",
        "copy the file into the folder, or set the data set's `root` higher",
    ),
    "linked_folder": Diagnostic(
        "is a link to a folder, whose files are listed where they lie",
        "nothing, if its files are listed where they lie",
    ),
    "folder": Diagnostic(
        "is a folder under a name of audio; the files in it are listed",
        "nothing, if its files are listed; else rename it",
    ),
    "huge_file": Diagnostic("is larger than 64 GiB, so no clip", "cut it, or remove it"),
    "unreadable": Diagnostic(
        "cannot be opened or read: the system refuses",
        "give yourself permission to read it; if you have it, look after the disk",
    ),
    "not_utf8": Diagnostic(
        "has a name that is not UTF-8, and is written here with escapes", "rename it"
    ),
    # found by decoding
    "undecodable": Diagnostic(
        "holds nothing that ffmpeg takes for audio", "get it again: it is damaged, or no audio"
    ),
    "unclaimed": Diagnostic(
        "has a header that leaves out much of the file",
        "get it again, or have `ffmpeg -ignore_length 1 -i IN.wav OUT.wav` count anew",
    ),
    "more_audio": Diagnostic(
        "holds more audio behind its end, which cannot be read as one with it",
        "cut it into its parts, and remove those that you do not want",
    ),
    "disagree": Diagnostic(
        "is read in two ways by ffmpeg and libsndfile",
        "write it anew from what made it, e.g. as FLAC",
    ),
    "timeout": Diagnostic(
        "takes longer to decode than decode.timeout_seconds",
        "run `dvc repro -f decode@<waveform>` while little else runs, or raise "
        "decode.timeout_seconds",
    ),
    "too_long": Diagnostic("is longer than decode.max_seconds", "cut it, or raise it"),
    "too_short": Diagnostic("is shorter than decode.min_seconds", "get it again, or lower it"),
    "too_large": Diagnostic("decodes to more bytes than decode.max_bytes", "cut it, or raise it"),
    "rate": Diagnostic(
        "has a sample rate outside decode.min_rate and decode.max_rate",
        "resample it, or widen them",
    ),
    "channels": Diagnostic(
        "has more channels than decode.max_channels", "mix it down, or raise decode.max_channels"
    ),
    "empty": Diagnostic("holds no samples", "get it again"),
    "silent": Diagnostic(
        "is digital silence, or constant, and decode.silence is `quarantine`",
        "get it again, or set decode.silence to `accept`",
    ),
    "not_finite": Diagnostic(
        "holds samples that are no numbers", "get it again, or write it anew from what made it"
    ),
    "out_of_scale": Diagnostic(
        "holds samples beyond decode.max_peak times full scale",
        "divide its samples (those of 16-bit integers by 32768), or raise decode.max_peak",
    ),
    "crashed": Diagnostic(
        "kills the process that decodes it",
        "get it again; tell the makers of ffmpeg of a file that crashes it",
    ),
}

# What is worth knowing of what is accepted.
WARNINGS = {
    # of files
    "left_out": Diagnostic(
        "is audio under a name that only systems and tools give, and is not listed",
        "rename it if it is music",
    ),
    "missing": Diagnostic("is a track without a file", "put the file there"),
    "unnamed": Diagnostic(
        "is decoded, but no track names it", "add it to the data set's table, or remove it"
    ),
    # of labels and names
    "missing_value": Diagnostic(
        "is not known of every track", "fill it in, or leave it where it is unknown"
    ),
    "placeholder": Diagnostic(
        "stands for no name, and ties no clips together",
        "write the name in its place, or take it out of labels.placeholders if it is one",
    ),
    "case_twins": Diagnostic(
        "are labels of their own that differ in case only",
        "spell them alike, or set labels.one_case to true",
    ),
    "look_alike": Diagnostic(
        "are labels of their own that differ in blanks or punctuation only",
        "spell them alike, if they mean the same",
    ),
    "one_genre": Diagnostic(
        "is the genre of all tracks: there is nothing to tell apart",
        "set the data set's `root` one folder lower, if the genres' folders lie there",
    ),
    "one_artist": Diagnostic(
        "is the artist of all tracks: a split keeps them together",
        "leave that folder or column out, if it names no artist",
    ),
    "no_groups": Diagnostic(
        "is known of no two tracks: nothing says which share an artist, an album or a song, and a "
        "split may tear these apart",
        "name artists by a column, or by folders between genre and file",
    ),
    # of audio
    "truncated": Diagnostic("holds less audio than its header claims", "get it again"),
    "damaged": Diagnostic("has parts that could not be decoded and are left out", "get it again"),
    "trailing": Diagnostic(
        "has bytes behind its audio that are neither audio nor a tag", "nothing, if it is whole"
    ),
    "joined": Diagnostic(
        "holds several pieces of audio one behind the other, read as one",
        "nothing, if they belong together; else cut it into its parts",
    ),
    "silent": Diagnostic(
        "is digital silence, or constant", "get it again, or set decode.silence to `quarantine`"
    ),
    "antiphase": Diagnostic(
        "has channels that cancel out: their mean is silence", "turn one channel's sign"
    ),
    "too_loud": Diagnostic(
        "goes beyond twice full scale, and is clipped where it is stored as integers",
        "lower its level in its own file",
    ),
    # of splits
    "missing_class": Diagnostic(
        "is a class that not every part has, so the scores do not speak of it",
        "add music of it by more artists (each group is in one part only), set split.folds, or "
        "drop the class",
    ),
    "rare_class": Diagnostic(
        "is a class of hardly any training clips", "add music of it, or drop the class"
    ),
    "dealt_part": Diagnostic(
        "is a part that the given split leaves out, dealt from its training part by group",
        "nothing, or state it too",
    ),
    # of papers' protocols that leak
    "torn_clip": Diagnostic(
        "is how many test clips have other segments in training, so the scores are partly of "
        "knowing the recording",
        "see what split.name=song gives",
    ),
    "scaled_on_test": Diagnostic(
        "is how many test segments the model's scaler was fitted on",
        "set the model's `scaler_fit` to `train`",
    ),
    # of recordings
    "shared_artist": Diagnostic(
        "is how many test clips have an artist who trains too, so the scores are partly of knowing "
        "the artist",
        "see what split.name=artist gives",
    ),
    "two_labels": Diagnostic(
        "is a recording that is there under two genres", "keep the right one; remove the other"
    ),
    # of what a model hears of its clips, see `views.About`
    "cut": Diagnostic(
        "is a clip of which the model hears a part only", "set the model's `segment` to hear more"
    ),
    "padded": Diagnostic(
        "is a clip that is filled up with silence to the length of the model's input",
        "shorten that by the model's `segment`",
    ),
    "too_short": Diagnostic(
        "is shorter than half a piece, so that the model does without it",
        "shorten the pieces by the model's `segment`",
    ),
    "unreadable": Diagnostic(
        "is a clip without audio that can be read, so that the model does without it",
        "see `soundstage quarantine`",
    ),
}


_OF_ANOTHER_VERSION = Diagnostic("is a warning that this version does not know", "run it again")


def table(findings: Iterable[Finding]) -> pl.DataFrame:
    """Return findings as a table of `SCHEMA`, sorted by code and subject, each once."""
    rows = sorted(set(findings), key=lambda found: (found.code, found.subject, found.detail))
    return pl.DataFrame(rows, SCHEMA, orient="row")


def write(found: pl.DataFrame, path: Path) -> None:
    """Write a table of findings."""
    write_parquet(path, found)


def counts(found: pl.DataFrame) -> dict[str, int]:
    """Return code -> how many findings have it, sorted by code."""
    return dict(found["code"].value_counts().sort("code").iter_rows())


def lines(found: pl.DataFrame, *, named: int = _NAMED) -> list[str]:
    """Return a line for each code of a table, with its count and the first few subjects."""
    return [
        _line(code, rows.select("subject", "detail").rows()[:named], len(rows))
        for (code,), rows in found.sort("code", "subject").group_by("code", maintain_order=True)
    ]


def summary(counted: Mapping[str, int]) -> list[str]:
    """Return a line for each code of which only the count is known."""
    return [_line(code, [], n) for code, n in sorted(counted.items()) if n]


def _line(code: str, subjects: Iterable[tuple[str, str]], n: int) -> str:
    meaning = WARNINGS.get(code, _OF_ANOTHER_VERSION)
    named = [f"{shown(subject)}{detail and f' ({shown(detail)})'}" for subject, detail in subjects]
    if named and n > len(named):
        named.append("...")
    examples = f": {', '.join(named)}" if named else ""
    return f"warning: {code} ({n}): {meaning.sentence}{examples}; {meaning.remedy}"
