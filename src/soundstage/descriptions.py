"""What the store says of each waveform and feature, and what would make it stale.

A description follows from the parameters, the code and the installed libraries alone, so it can be
compared with what a store folder says of itself (`soundstage why`).
"""

from pathlib import Path

from soundstage import audio, fingerprint, registry
from soundstage.params import Params
from soundstage.store.build import Description

FILES = "files"  # the source of waveforms: the data set's own files


def describe(params: Params, name: str) -> Description:
    """Return the description of a waveform or feature of params.yaml, by name."""
    return _waveform(params, name) if name in params.top.waveforms else _feature(params, name)


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
        parameters=waveform.model_dump() | {"max_seconds": limits.max_seconds},
        code=fingerprint.code(file),
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
    module = registry.load("features", feature.kind)
    file = registry.source_file("features", feature.kind)
    return Description(
        name=name,
        kind=feature.kind,
        source=feature.input,
        source_fingerprint=source.fingerprint,
        parameters=feature.arguments,
        code=fingerprint.code(file),
        libraries=fingerprint.libraries(file),
        axes=module.AXES,
        dtype=module.DTYPE,
        unit=module.UNIT,
        columns=getattr(module, "COLUMNS", ()),
        sample_rate=source.sample_rate,
        hop_length=feature.arguments.get("hop_length"),
    )
