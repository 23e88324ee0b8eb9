from pathlib import Path

import numpy as np

from soundstage import params, warm_up
from soundstage.dsp import power

PARAMS = params.load(Path(__file__).parents[1] / "params.yaml")


def test_every_feature_is_computed_of_arrays_as_the_store_gives_them():
    rows = warm_up.rows(PARAMS)
    assert rows.keys() == PARAMS.features.keys()
    assert all(row.size and np.isfinite(row).any() for row in rows.values())
    compiled = {str(signature[0]) for signature in power._transform.signatures}
    assert "readonly array(int8, 1d, C)" in compiled  # read-only, as stored PCM-8
