"""Compile what numba compiles before a run waits for it: `python -m soundstage.warm_up`.

librosa compiles while it is imported, our kernels when they are first called; what is compiled is
kept on disk.
"""

import numpy as np

from soundstage import audio, numba_cache, params, paths, registry, stage
from soundstage.params import Params
from soundstage.progress import progress

SECONDS = 7.0  # long enough for two of the longest slices


def rows(chosen: Params) -> dict[str, np.ndarray]:
    """Compute every feature once on the CPU, of arrays such as the store gives: read-only ones.

    Returns
    -------
    name -> what the feature's function returned.
    """
    found: dict[str, np.ndarray] = {}
    rates: dict[str, int] = {}
    for name, waveform in chosen.top.waveforms.items():
        noise = np.random.default_rng(0).normal(0, 0.1, int(SECONDS * waveform.sr))
        found[name] = audio.quantise(noise.astype(np.float32), waveform.dtype)
        rates[name] = waveform.sr
    waiting = dict(chosen.features)
    with progress("compile", len(waiting), "features") as bar:
        while waiting:
            for name in [n for n, feature in waiting.items() if feature.input in found]:
                feature = waiting.pop(name)
                source = found[feature.input].view()
                source.flags.writeable = False
                if feature.input in chosen.top.waveforms:
                    source = audio.samples(source)
                rates[name] = rates[feature.input]
                function = registry.component("features", feature.kind)
                arguments = {k: "cpu" if k == "device" else v for k, v in feature.arguments.items()}
                found[name] = function(source, rates[name], **arguments)
                bar.update()
    return {name: found[name] for name in chosen.features}


if __name__ == "__main__":
    stage.one_line_errors()
    numba_cache.warm(paths.kept())
    rows(params.load())
