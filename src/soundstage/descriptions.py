"""What the store says of each waveform and feature, and what would make it stale.

A description follows from the parameters, the code and the installed libraries alone, so it can be
compared with what a store folder says of itself (`soundstage why`).
"""

import ast
import contextlib
from pathlib import Path
from typing import Any

from soundstage import audio, catalogue, fingerprint, numba_cache, paths, registry
from soundstage.params import Component, Params
from soundstage.store.build import Description

FILES = "files"  # the source of waveforms: the data set's own files


def describe(params: Params, name: str) -> Description:
    """Return the description of a waveform or feature of params.yaml, by name."""
    return _waveform(params, name) if name in params.top.waveforms else _feature(params, name)


def code(params: Params, name: str) -> dict[str, str]:
    """Return the files of code that shape a waveform or feature, and their digests."""
    if name in params.top.waveforms:
        return fingerprint.code(Path(audio.__file__))
    feature = params.features[name]
    return fingerprint.code(registry.source_file("features", feature.kind), _device(feature))


def unseen(params: Params) -> dict[str, dict[str, str]]:
    """Return, of each waveform, feature and model, what shapes it and DVC cannot see by itself.

    That is all code that its file imports, however far away; and the version of the system's own
    ffmpeg, where that decodes: constraints.txt pins the bundled one.
    """
    of_store = {name: code(params, name) for name in (*params.top.waveforms, *params.features)}
    if params.top.decode.ffmpeg == "system":
        version = {"ffmpeg": audio.ffmpeg_version(audio.ffmpeg_binary("system"))}
        of_store |= {name: of_store[name] | version for name in params.top.waveforms}
    files = {name: registry.source_file("models", m.kind) for name, m in params.models.items()}
    return of_store | {f"models/{name}": fingerprint.code(file) for name, file in files.items()}


def sources(params: Params, name: str) -> list[str]:
    """Return what a waveform or feature is made from, nearest first; [] for a waveform."""
    found = []
    while name in params.features:
        name = params.features[name].input
        found.append(name)
    return found


def _waveform(params: Params, name: str) -> Description:
    waveform, limits = params.top.waveforms[name], params.top.decode
    file = Path(audio.__file__)
    ffmpeg = audio.ffmpeg_version(audio.ffmpeg_binary(limits.ffmpeg))
    return Description(
        name=name,
        kind="waveform",
        source=FILES,
        source_fingerprint="",
        parameters=waveform.model_dump() | limits.shaping,
        code=code(params, name),
        libraries=fingerprint.libraries(file) | {"ffmpeg": ffmpeg},
        axes=("sample",),
        dtype=waveform.dtype,
        unit=audio.UNITS[waveform.dtype],
        sample_rate=waveform.sr,
        hop_length=1,
    )


def _feature(params: Params, name: str) -> Description:
    feature = params.features[name]
    source = describe(params, feature.input)
    file = registry.source_file("features", feature.kind)
    digest = catalogue.Supply(params.dataset, name).digest
    supplied = {"supplied": digest} if digest else {}  # rows that come with the data set
    return Description(
        name=name,
        kind=feature.kind,
        source=feature.input,
        source_fingerprint=source.fingerprint,
        parameters=dict(feature.arguments) | supplied,
        code=code(params, name),
        libraries=fingerprint.libraries(file, _device(feature)),
        axes=_constant(feature.kind, "AXES"),
        dtype=_constant(feature.kind, "DTYPE"),
        unit=_constant(feature.kind, "UNIT"),
        columns=_constant(feature.kind, "COLUMNS"),
        sample_rate=source.sample_rate,
        hop_length=feature.arguments.get("hop_length"),
    )


def _device(feature: Component) -> str:
    return feature.arguments.get("device", "cpu")


def _constant(kind: str, name: str) -> Any:
    """Return a constant of a feature's module; () where it has none.

    One that is written out is read from the text, as signatures are (`registry`): to import numba
    takes as long as half of what a stage does that has nothing to compute.
    """
    text = registry.source_file("features", kind).read_text("utf-8")
    for node in ast.parse(text).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=said)], value=value)
                | ast.AnnAssign(target=ast.Name(id=said), value=value)
            ) if said == name and value:
                with contextlib.suppress(ValueError):  # computed
                    return ast.literal_eval(value)
    if name not in text:
        return ()
    numba_cache.warm(paths.kept())
    return getattr(registry.load("features", kind), name, ())
