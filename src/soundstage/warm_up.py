"""Compile what numba compiles before a run waits for it: `python -m soundstage.warm_up`.

librosa compiles while it is imported, our kernels when they are first called; what is compiled is
kept on disk.
"""

from collections.abc import Callable

import numpy as np

from soundstage import audio, numba_cache, params, paths, registry, stage
from soundstage.params import Params
from soundstage.progress import progress

SECONDS = 7.0  # long enough for two of the longest slices


def row(chosen: Params, name: str, clip: Callable[[int], np.ndarray]) -> tuple[np.ndarray, int]:
    """Return a waveform or a feature of a clip, computed on the CPU, and its sample rate in Hz.

    Like the store's, the array is read-only: numba compiles for such arrays apart.

    Parameters
    ----------
    clip : gives the clip at a sample rate, float32 (n,), full scale 1.
    """
    waveform = chosen.top.waveforms.get(name)
    if waveform:
        array, sr = audio.quantise(clip(waveform.sr), waveform.dtype), waveform.sr
    else:
        feature = chosen.features[name]
        source, sr = row(chosen, feature.input, clip)
        if feature.input in chosen.top.waveforms:
            source = audio.samples(source)
        arguments = {k: "cpu" if k == "device" else v for k, v in feature.arguments.items()}
        array = registry.component("features", feature.kind)(source, sr, **arguments)
    array.flags.writeable = False
    return array, sr


def _noise(sr: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, int(SECONDS * sr)).astype(np.float32)


def warm_up(chosen: Params) -> None:
    """Compute every feature of a noise."""
    with progress("compile", len(chosen.features), "features") as bar:
        for name in chosen.features:
            row(chosen, name, _noise)
            bar.update()


if __name__ == "__main__":
    stage.one_line_errors()
    numba_cache.warm(paths.kept())
    warm_up(params.load())
