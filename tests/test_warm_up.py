from pathlib import Path

import numpy as np
import pytest

from soundstage import params, warm_up
from soundstage.dsp import power

PARAMS = params.load(Path(__file__).parents[1] / "params.yaml")


def noise(sr):
    return np.random.default_rng(0).normal(0, 0.1, 7 * sr).astype(np.float32)


@pytest.mark.parametrize("name", [*PARAMS.top.waveforms, *PARAMS.features])
def test_a_row_is_as_the_store_gives_it(name):
    array, sr = warm_up.row(PARAMS, name, noise)
    assert array.size
    assert not array.flags.writeable
    assert sr in (16000, 22050, 44100)


def test_kernels_are_compiled_for_stored_pcm8():
    warm_up.row(PARAMS, "psd", noise)
    compiled = {str(signature[0]) for signature in power._transform.signatures}
    assert "readonly array(int8, 1d, C)" in compiled
