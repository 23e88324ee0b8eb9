"""`soundstage why`: what would make a track's rows be computed again."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from soundstage import catalogue, paths, untrusted_parquet
from soundstage.descriptions import FILES, describe, sources
from soundstage.errors import SoundstageError
from soundstage.listing import content_hash
from soundstage.params import Params
from soundstage.registry import nearest
from soundstage.store.description import Description
from soundstage.store.read import Feature


def _changes(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield f"{what} {name} is new"
        elif name not in new:
            yield f"{what} {name} is gone"
        elif old[name] != new[name]:
            changed = "has changed" if what == "code" else f"{old[name]} -> {new[name]}"
            yield f"{what} {name}: {changed}"


def differences(index: Mapping[str, Any], description: Description) -> list[str]:
    """Return what differs between a folder's index and what params.yaml and the code now say."""
    found = []
    for field in ("kind", "source"):
        if index[field] != getattr(description, field):
            found.append(f"{field}: {index[field]} -> {getattr(description, field)}")
    found += _changes("parameter", index["parameters"], dict(description.parameters))
    found += _changes("code", index["code"], description.code)
    found += _changes("library", index["libraries"], description.libraries)
    return found


def why(params: Params, track: str, feature: str | None = None) -> list[str]:
    """Return lines that say of a track, for one feature or all, what is stale and for what reason.

    Raises
    ------
    SoundstageError
        There is no such track or feature.
    """
    path, key = _track(track)
    known = [*params.top.waveforms, *params.features]
    if feature is not None and feature not in known:
        raise SoundstageError(f"no feature {feature!r}; {nearest(feature, known)}")
    wanted = known if feature is None else [*reversed(sources(params, feature)), feature]
    reasons = {FILES: _of_file(catalogue.root(params.dataset) / path, key)}
    lines = [f"{track} ({path}): {_joined(reasons[FILES])}"]
    for name in wanted:
        reasons[name] = _of_feature(params, name, key, reasons)
        lines.append(f"  {name}: {_joined(reasons[name])}")
    return lines


def _joined(reasons: list[str]) -> str:
    return "; ".join(reasons) or "up to date"


def _track(track: str) -> tuple[str, str]:
    tracks = untrusted_parquet.read(paths.TRACKS, columns=["track", "path", "key"])[0]
    found = tracks.filter(track=track)
    if not len(found):
        raise SoundstageError(f"no track {track!r}; {nearest(track, tracks['track'])}")
    return found["path"][0], found["key"][0]


def _of_file(file: Path, key: str | None) -> list[str]:
    if not file.exists():
        return ["the file is gone"]
    if key is None:
        return ["the file could not be read when it was listed"]
    return [] if content_hash(file) == key else ["the file's bytes have changed"]


def _of_feature(
    params: Params, name: str, key: str | None, reasons: Mapping[str, list[str]]
) -> list[str]:
    folder = paths.STORE / name
    if not (folder / "index.json").exists():
        return ["not in the store yet"]
    feature = Feature(folder)
    description = describe(params, name)
    found = differences(feature.index, description)
    if any("quarantined" not in reason for reason in reasons.get(description.source, [])):
        found.append(f"its source {description.source} is stale")
    elif not found and feature.index["fingerprint"] != description.fingerprint:
        found.append(f"it was made from another {description.source}")
    if key is None or found:
        return found
    if not feature.accounts_for(key):
        return ["this file is new to it"]
    rejection = feature.shard_of(key).rejections.get(key)
    return [f"quarantined ({rejection.reason}): {rejection.message}"] if rejection else []
