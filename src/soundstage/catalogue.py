"""The data set in use: fetch it, list its files, index its tracks.

A data set's module states CITATION, LICENCE, METADATA (the names of its metadata files; `{table}`
is what its parameter `table` says) and HONEST (the name of the split to be scored on), and has

fetch(root, own, metadata, **parameters)   see to it that everything is there
tracks(files, metadata, **parameters)      its table of tracks, see `tracks.SCHEMA`

`root` is the folder of the audio, often the user's own and never written to; `own` is a folder
under data/raw for what is downloaded, unpacked or rendered: the same where the user names no
folder. `files` are the paths of the audio, `metadata` maps the names of METADATA to their paths, as
far as they are there: in `root`, beside the archive that the user names instead, or in `own`. What
`tracks` knows of artists, albums and songs may be as it is written, and a group may be left out:
`tracks.settle` sees to that. A data set may also have

AUDIO = False                           where it comes without any
BESIDE                                  endings of files beside the audio that are its too
FILES, SECONDS                          how many files of audio it has, and how long the shortest
                                        and the longest clip are
FAULTS                                  path -> why that file is known to be broken
SPLITS                                  the names of the splits that it brings with it
SOURCE                                  whose the features are that come with it
supplied(files, metadata)               features that come with it ready-made: feature -> `SUPPLY`
supplier(feature, columns, root, metadata)   a function from a `name` of those to a clip's array, or
                                        to None where it cannot be read

and each takes those of the data set's parameters that it names.
"""

import inspect
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl

from soundstage import (
    diagnostics,
    fingerprint,
    listing,
    paths,
    registry,
    tracks,
    untrusted_parquet,
)
from soundstage.diagnostics import Finding
from soundstage.errors import SoundstageError
from soundstage.files import write_json, write_parquet
from soundstage.listing import check_names, content_hash
from soundstage.params import Component, Labels

# A feature's rows that come with a data set: of which clip, where to find it, and a digest of it.
SUPPLY = {"key": pl.String, "name": pl.String, "digest": pl.String}


def _module(dataset: Component) -> ModuleType:
    return registry.load("datasets", dataset.kind)


def own(dataset: Component) -> Path:
    """Return the folder under the main checkout's data/raw that belongs to a data set."""
    return paths.raw(dataset.name)


def root(dataset: Component) -> Path:
    """Return the folder of a data set's audio: the user's own, what is unpacked of an archive of
    the user's, or the one under the main checkout's data/raw.
    """
    if not dataset.input:
        return own(dataset)
    if archive := _archive(dataset):
        return own(dataset) / archive.name.partition(".")[0]
    # An absolute path stays as it is.
    return paths.main_checkout() / Path(dataset.input).expanduser()


def _archive(dataset: Component) -> Path | None:
    given = paths.main_checkout() / Path(dataset.input).expanduser()
    return given if dataset.input and given.is_file() else None


def metadata(dataset: Component) -> dict[str, Path]:
    """Return name -> path of those of a data set's metadata files that are there."""
    archive = _archive(dataset)
    folders = (root(dataset), *([archive.parent] if archive else []), own(dataset))
    names = (name.format(**dataset.arguments) for name in _module(dataset).METADATA)
    return {
        name: found[0]
        for name in names
        if (found := [folder / name for folder in folders if (folder / name).is_file()])
    }


@dataclass(frozen=True)
class Known:
    """What stages after fetch must know of the data set in use, as `data/dataset.json` holds it.

    honest: the name of the split to be scored on; faults: path -> why that file is known to be
    broken; files, seconds: how many files of audio the whole of it has, and the least and the
    greatest length of a clip, where that is known.
    """

    dataset: str
    honest: str
    faults: dict[str, str]
    files: int | None
    seconds: tuple[float, float] | None


def known() -> Known:
    """Read what is known of the data set in use."""
    if not paths.DATASET.exists():
        raise SoundstageError(f"{paths.DATASET}: no such file; run `dvc repro fetch`")
    return Known(**json.loads(paths.DATASET.read_text("utf-8")))


def fetch(dataset: Component) -> None:
    """Fetch, unpack or render what is missing of a data set, and list what is there.

    Writes what later stages need in parts, so that new labels touch no audio stage:
    `data/files.parquet` lists the audio; `data/metadata.json` has all that shapes the table of
    tracks, the metadata files' hashes, the data set's parameters and its code; `data/dataset.json`
    what is `Known`; the folder `data/supplied` a table for each feature that comes with it; and
    `data/warnings/fetch.parquet` what is worth knowing of the folder.
    """
    module, folder = _module(dataset), root(dataset)
    check_names(folder)
    if archive := _archive(dataset):
        from soundstage.unpack import unpack

        unpack(archive, folder)
    there, arguments = metadata(dataset), _arguments(module.fetch, dataset)
    module.fetch(folder, own(dataset), there, **arguments)
    about = metadata(dataset)
    beside = tuple(getattr(module, "BESIDE", ()))
    files = pl.DataFrame(schema=listing.SCHEMA)
    if getattr(module, "AUDIO", True):
        memory = paths.kept() / "hashes" / f"{fingerprint.digest(str(folder.resolve()))}.parquet"
        before = listing.remembered(memory)
        found = listing.list_files(folder, memory, also=beside, but=about)
        files, ignored = found.files, listing.ignored(found)
        said = listing.summary(before, files)
        print(f"{dataset.name}: {said}", *filter(None, [ignored]), sep="; ")
    is_beside = pl.any_horizontal(False, *(pl.col("path").str.ends_with(end) for end in beside))
    write_parquet(paths.FILES, files.filter(~is_beside))
    _say("fetch", [Finding(path, "left_out") for path in listing.left_out(folder)])
    code = fingerprint.code_digest(registry.source_file("datasets", dataset.kind))
    _write_supplied(module, dataset, files, about, code)
    facts = Known(
        dataset.name,
        module.HONEST,
        dict(getattr(module, "FAULTS", {})),
        getattr(module, "FILES", None),
        getattr(module, "SECONDS", None),
    )
    write_json(paths.DATASET, asdict(facts))
    shapes_tracks = {
        "dataset": dataset.name,
        "kind": dataset.kind,
        "parameters": dict(dataset.arguments),
        "code": code,
        "files": {name: content_hash(path) for name, path in about.items()},
    }
    write_json(paths.METADATA, shapes_tracks)


def _write_supplied(
    module: ModuleType,
    dataset: Component,
    files: pl.DataFrame,
    about: Mapping[str, Path],
    code: str,
) -> None:
    """Write a table for each feature that comes with the data set, and a list of them."""
    shutil.rmtree(paths.SUPPLIED, ignore_errors=True)
    paths.SUPPLIED.mkdir(parents=True)
    make = getattr(module, "supplied", None)
    tables = make(files, about, **_arguments(make, dataset)) if make else {}
    for feature, table in tables.items():
        # With the digest of the code that reads the rows: mended code is another supply.
        rows = table.select(pl.col(n).cast(k) for n, k in SUPPLY.items())
        write_parquet(paths.SUPPLIED / f"{feature}.parquet", rows, {"code": code})
    write_json(paths.SUPPLIED / "features.json", sorted(tables))


def index(dataset: Component, labels: Labels) -> None:
    """Write the table of tracks, see `tracks.SCHEMA`; says what was understood, and what is odd.

    What is odd goes to `data/warnings/index.parquet`, and how often, what `fetch` found included,
    to `metrics/ingest/tracks.json`, with the numbers of tracks and of genres, or of tags.
    """
    files = untrusted_parquet.read(paths.FILES)[0]
    make = _module(dataset).tracks
    made = make(files["path"].to_list(), metadata(dataset), **_arguments(make, dataset))
    table, findings = tracks.indexed(made, files, labels)
    print(f"{dataset.name}: {_understood(table)}")
    found = _say("index", findings)
    write_parquet(paths.TRACKS, table)
    target = tracks.target_of(table, "auto")
    of_fetch = untrusted_parquet.read(paths.WARNINGS / "fetch.parquet")[0]
    counted = {
        "dataset": dataset.name,
        "tracks": len(table),
        {"genre": "genres", "tags": "tags"}[target]: _distinct(table, target),
        "warning": diagnostics.counts(pl.concat([of_fetch, found])),
    }
    write_json(paths.INGEST / "tracks.json", counted)


def _say(stage: str, findings: Sequence[Finding]) -> pl.DataFrame:
    """Keep what a stage finds, and print it once."""
    found = diagnostics.table(findings)
    diagnostics.write(found, paths.WARNINGS / f"{stage}.parquet")
    for line in diagnostics.lines(found):
        print(line)
    return found


def _understood(table: pl.DataFrame) -> str:
    """Say in a few words what a table of tracks holds, and how its splits deal them."""
    counts = {"track": len(table)}
    counts |= {role: _distinct(table, role) for role in ("genre", "tags", "artist", "album")}
    said = [
        f"{n} {role.removesuffix('s')}{'' if n == 1 else 's'}" for role, n in counts.items() if n
    ]
    parts = table.select(pl.col("splits").explode()).drop_nulls().unnest("splits")
    dealt = [
        f"split {split}: "
        + ", ".join(f"{(of['part'] == p).sum()} {p}" for p in ("train", "valid", "test"))
        for (split,), of in parts.sort("split").group_by("split", maintain_order=True)
    ]
    return "; ".join([", ".join(said), *dealt])


def _distinct(table: pl.DataFrame, role: str) -> int:
    column = table[role].explode() if role == "tags" else table[role]
    return column.drop_nulls().n_unique()


def _arguments(function: Callable[..., Any], dataset: Component) -> dict[str, Any]:
    """Return those of a data set's parameters that a function of its module takes."""
    takes = inspect.signature(function).parameters
    return {name: value for name, value in dataset.arguments.items() if name in takes}


class Supply:
    """The rows of one feature that come with the data set in use: none, of most.

    `names` says for each content hash where its row is found, `digest` stands for all of them, and
    `source` says whose they are.
    """

    def __init__(self, dataset: Component, feature: str) -> None:
        self._dataset, self._feature = dataset, feature
        self.source = getattr(_module(dataset), "SOURCE", "")
        self._file = paths.SUPPLIED / f"{feature}.parquet"
        self.names: dict[str, str] = {}
        self.digest = ""
        if self._file.exists():
            table, words = untrusted_parquet.read(self._file)
            table = table.sort("key")
            self.names = dict(table.select("key", "name").iter_rows())
            self.digest = fingerprint.digest([words["code"], table.rows()])

    def reader(self, columns: Sequence[str]) -> Callable[[str], np.ndarray | None]:
        """Return a function from a clip's content hash to its array, in the order of `columns`.

        It gives None where that cannot be read: then the row is computed.
        """
        make, dataset = _module(self._dataset).supplier, self._dataset
        arguments = _arguments(make, dataset)
        read = make(self._feature, columns, root(dataset), metadata(dataset), **arguments)
        return lambda key: read(self.names[key])
