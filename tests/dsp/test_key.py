import numpy as np
import pytest
import scipy.stats

from soundstage.dsp.key import MAJOR, MINOR, find_key


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize(("profile", "mode"), [(MAJOR, 1), (MINOR, 0)])
def test_a_profile_is_its_own_key(profile, mode, tonic):
    found = find_key(3 * np.roll(profile, tonic))
    assert (found.key, found.mode) == (tonic, mode)


@pytest.mark.parametrize(
    ("triad", "key", "mode"),
    [((0, 4, 7), 0, 1), ((9, 0, 4), 9, 0), ((7, 11, 2), 7, 1), ((2, 5, 9), 2, 0)],
)
def test_triads(triad, key, mode):
    chroma = np.zeros(12)
    chroma[list(triad)] = 1
    assert find_key(chroma)[::2] == (key, mode)


def test_confidences_are_differences_of_correlations():
    chroma = np.random.default_rng(0).uniform(size=12)
    r = {
        (key, mode): scipy.stats.pearsonr(np.roll(profile, key), chroma)[0]
        for mode, profile in ((0, MINOR), (1, MAJOR))
        for key in range(12)
    }
    (key, mode), best = max(r.items(), key=lambda item: item[1])
    other = max(value for (k, _), value in r.items() if k != key)
    found = find_key(chroma)
    assert (found.key, found.mode) == (key, mode)
    assert found.key_confidence == pytest.approx(best - other)
    assert found.mode_confidence == pytest.approx(best - r[key, 1 - mode])


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_no_key_where_all_are_alike(level):
    assert find_key(np.full(12, level)) == (-1, 0.0, -1, 0.0)
