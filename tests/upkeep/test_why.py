from dataclasses import replace

import pytest
from computing import DESCRIPTION

from soundstage.upkeep.why import differences

BEFORE = replace(
    DESCRIPTION,
    parameters={"n_fft": 2048},
    code={"features/mel.py": "a", "dsp/mel.py": "b"},
    libraries={"numpy": "1", "librosa": "1"},
)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"kind": "mel"}, [f"kind: {DESCRIPTION.kind} -> mel"]),
        ({"source": "pcm8"}, [f"source: {DESCRIPTION.source} -> pcm8"]),
        ({"parameters": {"n_fft": 1024}}, ["parameter n_fft: 2048 -> 1024"]),
        ({"parameters": {}}, ["parameter n_fft is gone"]),
        (
            {"code": {"features/mel.py": "a", "dsp/mel.py": "c", "dsp/fft.py": "d"}},
            ["code dsp/fft.py is new", "code dsp/mel.py: has changed"],
        ),
        ({"libraries": {"numpy": "2", "librosa": "1"}}, ["library numpy: 1 -> 2"]),
    ],
)
def test_what_differs_is_named(changed, said):
    assert differences(BEFORE.index([]), replace(BEFORE, **changed)) == said
