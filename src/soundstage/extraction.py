"""Filling the store: files to waveforms, waveforms to features."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from soundstage import audio, catalogue, paths, registry
from soundstage.committed import committed_shards
from soundstage.descriptions import describe
from soundstage.errors import SoundstageError
from soundstage.listing import REASONS, audio_keys, content_hash
from soundstage.params import Component, Params, Waveform
from soundstage.store.build import build
from soundstage.store.read import Feature
from soundstage.store.shards import Rejection, Row, Shard


def _paths(listing: Path) -> dict[str, str]:
    """Return content hash -> the first path that has it."""
    table = pl.read_parquet(listing, columns=["path", "key"]).drop_nulls().sort("path")
    return dict(table.unique("key", keep="first").select("key", "path").iter_rows())


@dataclass(frozen=True)
class _Decode:
    """Decodes the members of a shard; a file that gives no waveform is rejected with its reason."""

    root: Path
    listing: Path
    waveform: Waveform
    limits: audio.Limits

    def __call__(self, _prefix: str, keys: Sequence[str]) -> Iterator[Row | Rejection]:
        path_of = _paths(self.listing)
        for key in keys:
            file = self.root / path_of[key]
            if content_hash(file) != key:
                raise SoundstageError(f"{file}: changed since it was listed; run again")
            try:
                y, channels = audio.decode(file, self.waveform.sr, self.limits)
            except audio.RejectedAudioError as verdict:
                yield Rejection(key, verdict.reason, verdict.message)
                continue
            stored = audio.quantise(y, self.waveform.dtype)
            yield Row(key, stored, {"channels": float(channels), **audio.level(y, stored)})


def decode(params: Params, name: str) -> dict[str, Any]:
    """Decode every listed file to one waveform of the store.

    Returns
    -------
    What `metrics/ingest/<name>.json` holds: how many files were accepted and quarantined, by
    reason, the hours of audio, and for PCM-8 the median signal-to-noise ratio in dB.

    Raises
    ------
    SoundstageError
        A larger share than `decode.max_rejected_share` gives no waveform; lists the files.
    """
    waveform, limits = params.top.waveforms[name], params.top.decode
    listing = pl.read_parquet(paths.FILES)
    decoder = _Decode(
        catalogue.root(params.dataset),
        paths.FILES.resolve(),
        waveform,
        audio.Limits(
            audio.ffmpeg_binary(limits.ffmpeg),
            limits.timeout_seconds,
            limits.max_seconds,
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
        crashed=lambda key: Rejection(key, "crashed", "kills the process that decodes it"),
        committed=partial(committed_shards, paths.STORE / name, description.fingerprint),
        seconds=lambda shard: sum(shape[0] for shape in shard.shapes) / waveform.sr,
    )
    return _verdicts(listing, Feature(paths.STORE / name), limits.max_rejected_share)


def _verdicts(listing: pl.DataFrame, store: Feature, max_share: float) -> dict[str, Any]:
    rejected = {key: (r.reason, r.message) for key, r in store.rejections().items()}
    verdicts = [
        (path, reason, REASONS[reason]) if reason else (path, *rejected[key])
        for path, key, reason in listing.select("path", "key", "reason").iter_rows()
        if reason or key in rejected
    ]
    lines = [f"  {path}: {reason}: {message}" for path, reason, message in verdicts]
    if len(verdicts) > max_share * len(listing):
        raise SoundstageError(
            f"{len(verdicts)} of {len(listing)} files give no audio, more than "
            f"decode.max_rejected_share = {max_share:g} allows; mend or remove them, or allow "
            "more:\n" + "\n".join(lines)
        )
    if verdicts:
        print(f"quarantined {len(verdicts)} of {len(listing)} files:", *lines, sep="\n")
    table = store.table()
    samples = table["shape"].list.first().sum()
    found = {
        "listed": len(listing),
        "accepted": len(listing) - len(verdicts),
        "quarantined": len(verdicts),
        "hours": round(samples / store.index["sample_rate"] / 3600, 6),
    }
    if verdicts:
        reasons = pl.Series([reason for _, reason, _ in verdicts]).value_counts(sort=True)
        found["reason"] = dict(sorted(reasons.iter_rows()))
    if "snr_db" in table.columns:
        found["snr_db_median"] = round(float(np.median(table["snr_db"])), 3)
    return found


@dataclass(frozen=True)
class _Extract:
    """Computes a feature of the members of a shard; rejections of the source are handed on."""

    source: Path
    feature: Component

    def __call__(self, _prefix: str, keys: Sequence[str]) -> Iterator[Row | Rejection]:
        source = Feature(self.source)
        function = registry.component("features", self.feature.kind)
        prepare = audio.samples if source.index["kind"] == "waveform" else np.asarray
        for key in keys:
            shard = source.shard_of(key)
            if key in shard.rejections:
                yield shard.rejections[key]
                continue
            try:
                array = function(
                    prepare(shard.array(key)), source.index["sample_rate"], **self.feature.arguments
                )
            except ValueError as error:
                raise SoundstageError(f"{self.feature.name}: clip {key}: {error}") from error
            yield Row(key, array)


def extract(params: Params, name: str) -> None:
    """Compute one feature of every clip of its source."""
    feature = params.features[name]
    source = Feature(paths.STORE / feature.input)
    # The source as it is, should it be another than params.yaml now describes.
    description = replace(describe(params, name), source_fingerprint=source.index["fingerprint"])

    def crashed(key: str) -> Rejection:
        path = _paths(paths.FILES).get(key, key)
        raise SoundstageError(f"{name}: {path}: the process that computes it dies, also alone")

    build(
        paths.STORE / name,
        description,
        source.members(),
        _Extract(source.folder.resolve(), feature),
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
    originals = ((source.shard_of(key), key) for key in shard.keys)
    samples = sum(original.shapes[original.position(key)][0] for original, key in originals)
    return samples / source.index["sample_rate"]
