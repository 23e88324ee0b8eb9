"""Filling the store: files to waveforms, waveforms to features."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from soundstage import (
    audio,
    catalogue,
    changes,
    diagnostics,
    numba_cache,
    paths,
    registry,
    untrusted_parquet,
    verdicts,
)
from soundstage.committed import committed_shards
from soundstage.descriptions import describe
from soundstage.diagnostics import REFUSALS
from soundstage.errors import SoundstageError
from soundstage.files import write_parquet
from soundstage.listing import audio_keys, content_hash
from soundstage.params import Component, Params, Waveform
from soundstage.store.build import build
from soundstage.store.read import Feature
from soundstage.store.shards import Rejection, Row, Shard
from soundstage.terminal import shown


def _paths(listing: Path, keys: Sequence[str]) -> dict[str, str]:
    """Return, of some content hashes, hash -> the first path that has it."""
    table = untrusted_parquet.read(listing, columns=["path", "key"])[0].filter(
        pl.col("key").is_in(keys)
    )
    first = table.sort("path").unique("key", keep="first", maintain_order=True)
    return dict(first.select("key", "path").iter_rows())


@dataclass(frozen=True)
class _Decode:
    """Decodes the members of a shard; a file that gives no waveform is rejected with its reason."""

    root: Path
    listing: Path
    waveform: Waveform
    limits: audio.Limits

    def __call__(self, _prefix: str, keys: Sequence[str]) -> Iterator[Row | Rejection]:
        path_of = _paths(self.listing, keys)
        for key in keys:
            file = self.root / path_of[key]
            before = changes.mark(file)
            result = self._decoded(file, key) if _is(file, key) else None
            # Looked at again: another file may have taken its place between hash and decoding.
            if result is None or changes.mark(file) != before:
                raise SoundstageError(f"{file}: changed since it was listed; run again")
            yield result

    def _decoded(self, file: Path, key: str) -> Row | Rejection:
        try:
            row = audio.waveform(file, self.waveform.sr, self.waveform.dtype, self.limits)
        except audio.RejectedAudioError as verdict:
            return Rejection(key, verdict.reason, verdict.message)
        return Row(key, *row)


def _is(file: Path, key: str) -> bool:
    """Tell whether a file has the content that was listed; a FIFO in its place is not opened."""
    try:
        return file.is_file() and content_hash(file) == key
    except OSError:
        return False


def decode(params: Params, name: str) -> dict[str, Any]:
    """Decode every listed file to one waveform of the store.

    Returns
    -------
    What `metrics/ingest/<name>.json` holds: how many files were accepted and quarantined, how many
    of these are known to be broken, the reasons and warnings, the hours of audio, and for PCM-8
    the median signal-to-noise ratio in dB. The quarantined files are listed in
    `data/quarantine/<name>.parquet`, see `verdicts.SCHEMA`.

    Raises
    ------
    SoundstageError
        A larger share than `decode.max_rejected_share` gives no waveform, those aside that the
        data set knows to be broken; lists the files.
    """
    waveform, limits = params.top.waveforms[name], params.top.decode
    listing = untrusted_parquet.read(paths.FILES)[0]
    decoder = _Decode(
        catalogue.root(params.dataset),
        paths.FILES.resolve(),
        waveform,
        audio.Limits(
            audio.ffmpeg_binary(limits.ffmpeg),
            limits.timeout_seconds,
            **limits.shaping,
            in_process=limits.ffmpeg == "bundled",  # who says "system" wants that binary
        ),
    )
    description = describe(params, name)
    build(
        paths.STORE / name,
        description,
        audio_keys(listing),
        decoder,
        clips_per_shard=params.top.store.clips_per_shard,
        cache=paths.kept(),
        alone=replace(decoder, limits=replace(decoder.limits, in_process=False)),
        crashed=lambda key: Rejection(key, "crashed", REFUSALS["crashed"].sentence),
        committed=partial(committed_shards, paths.STORE / name, description.fingerprint),
        seconds=lambda shard: sum(shape[0] for shape in shard.shapes) / waveform.sr,
    )
    return _verdicts(params, name, listing)


def _verdicts(params: Params, name: str, files: pl.DataFrame) -> dict[str, Any]:
    """List, check, print and count the verdicts on the files of a listing."""
    store, about = Feature(paths.STORE / name), catalogue.known()
    table = verdicts.quarantined(files, store.rejections(), about.faults)
    write_parquet(paths.QUARANTINE / f"{name}.parquet", table)
    verdicts.check(table, len(files), params.top.decode.max_rejected_share)
    rows = store.table()
    sr = store.index["sample_rate"]
    lines, counts = verdicts.odd(rows, sr, len(files), about.files, about.seconds)
    # What another waveform's decoding has said is not said again.
    plain = table.drop("message")  # which may name a peak, that depends on the sample rate
    others = _of_others(paths.QUARANTINE, name)
    alike = [w for w, other in others if other.drop("message").equals(plain)]
    if len(table) and alike:
        lines.insert(0, f"quarantined {len(table)} of {len(files)} files, the same as {alike[0]}")
    else:
        lines = [*verdicts.report(table, files, rows, about.faults), *lines]
    found = news = verdicts.warnings(files, rows)
    for _, told in _of_others(paths.WARNED, name):
        news = news.join(told, on=["subject", "code"], how="anti")
    diagnostics.write(found, paths.WARNED / f"{name}.parquet")
    print(*lines, *diagnostics.lines(news), sep="\n")
    return verdicts.metrics(table, len(files), rows, sr) | counts


def _of_others(folder: Path, name: str) -> list[tuple[str, pl.DataFrame]]:
    """Return the tables that a folder holds of other waveforms than `name`, by waveform."""
    files = sorted(folder.glob("[!.]*.parquet"))
    return [(file.stem, untrusted_parquet.read(file)[0]) for file in files if file.stem != name]


# What features use of libraries that load their parts on first use.
_PARTS = ("scipy.fft", "scipy.signal", "librosa.filters")


@dataclass(frozen=True)
class _Extract:
    """Computes a feature of the members of a shard; rejections of the source are handed on.

    Of a clip whose row comes with the data set that row is taken, and `source` says whose it is.
    """

    source: Path
    listing: Path
    feature: Component
    supply: catalogue.Supply
    kept: Path

    def __call__(self, _prefix: str, keys: Sequence[str]) -> Iterator[Row | Rejection]:
        numba_cache.warm(self.kept)
        function = registry.component("features", self.feature.kind)
        # The first row is computed while other workers wait (`build`): they import meanwhile.
        for part in _PARTS:
            if part.partition(".")[0] in sys.modules:
                import_module(part)
        return self._rows(function, keys)

    def _rows(
        self, function: Callable[..., np.ndarray], keys: Sequence[str]
    ) -> Iterator[Row | Rejection]:
        source = Feature(self.source)
        prepare = audio.samples if source.index["kind"] == "waveform" else np.asarray
        columns = getattr(registry.load("features", self.feature.kind), "COLUMNS", ())
        supplied = self.supply.reader(columns) if self.supply.names else None
        for key in keys:
            given = supplied(key) if supplied and key in self.supply.names else None
            if given is not None:
                yield Row(key, given, source=self.supply.source)
                continue
            shard = source.shard_of(key)
            if key in shard.rejections:
                yield shard.rejections[key]
                continue
            row = shard.row(key)  # refused if damaged: what is made of it would look intact
            try:
                array = function(
                    prepare(row.array), source.index["sample_rate"], **self.feature.arguments
                )
            except Exception as error:  # whatever it is, librosa's own say: of which clip
                path = _paths(self.listing, [key]).get(key, key)
                said = " ".join(str(error).split())
                raise SoundstageError(
                    f"{self.feature.name}: {shown(path)}: {type(error).__name__}: {said}; remove "
                    "the file or write it anew, or report it: a feature must take any audio"
                ) from error
            yield Row(key, array, source=row.source)


def extract(params: Params, name: str) -> None:
    """Compute one feature of every clip of its source."""
    feature = params.features[name]
    source = Feature(paths.STORE / feature.input)
    supply = catalogue.Supply(params.dataset, name)
    # The source as it is, should it be another than params.yaml now describes.
    description = replace(
        describe(params, name),
        source_fingerprint=source.index["fingerprint"],
        sample_rate=source.index["sample_rate"],
    )

    def crashed(key: str) -> Rejection:
        path = _paths(paths.FILES, [key]).get(key, key)
        raise SoundstageError(
            f"{name}: {shown(path)}: the process that computes it dies, also alone"
        )

    build(
        paths.STORE / name,
        description,
        sorted({*source.members(), *supply.names}),
        _Extract(source.folder.resolve(), paths.FILES.resolve(), feature, supply, paths.kept()),
        clips_per_shard=params.top.store.clips_per_shard,
        cache=paths.kept(),
        crashed=crashed,
        committed=partial(committed_shards, paths.STORE / name, description.fingerprint),
        seconds=partial(_audio_seconds, source),
    )


def _audio_seconds(source: Feature, shard: Shard) -> float:
    """Return how much audio a feature's shard was made from; 0 where the source is no waveform."""
    if source.index["kind"] != "waveform":
        return 0.0
    originals = ((source.shard_of(key), key) for key in shard.keys if source.accounts_for(key))
    samples = sum(  # a row that came with the data set may have no waveform
        original.shapes[original.position(key)][0] for original, key in originals if key in original
    )
    return samples / source.index["sample_rate"]
