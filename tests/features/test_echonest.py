import numpy as np
import pytest

from soundstage.dsp import events
from soundstage.features.echonest import COLUMNS, echonest

SR = 22050


def analysis(beats=(0.0, 0.5, 1.1)):
    start = np.array(beats)
    pitch = np.array([[0.0] * 12, [1.0] * 12])
    return [
        events.rows("track", start=0, duration=2.0, loudness=-9.5, tempo=118.0, key=7, mode=1),
        events.rows("section", start=[0.0], duration=2.0),
        events.rows("beat", start=start, duration=np.linspace(0.4, 0.6, start.size)),
        events.rows(
            "segment",
            start=[0.0, 1.5],
            duration=[1.5, 0.5],
            loudness_max=[-20.0, -10.0],
            pitch=pitch,
            timbre=10 * pitch,
        ),
    ]


def named(parts):
    return dict(zip(COLUMNS, echonest(events.table(parts), SR), strict=True))


def test_columns():
    assert len(COLUMNS) == len(set(COLUMNS)) == 72
    # What paper 000 correlates.
    means = {f"{name}_{i}_mean" for name in ("pitch", "timbre") for i in range(12)}
    assert {"loudness", "tempo", "musical_key", "mode", "beat_duration_mean"} | means <= set(
        COLUMNS
    )


def test_values_of_the_track_are_its_own():
    row = named(analysis())
    assert [row[k] for k in ("duration", "loudness", "tempo", "musical_key", "mode")] == [
        2,
        -9.5,
        118,
        7,
        1,
    ]
    assert np.isnan(row["time_signature"])  # the analysis has none


def test_counts():
    row = named(analysis())
    assert [row[f"n_{level}s"] for level in events.LEVELS[1:]] == [1, 0, 3, 2]


def test_means_and_variances():
    row = named(analysis())
    assert row["beat_duration_mean"] == pytest.approx(0.5)
    assert row["beat_duration_var"] == pytest.approx(0.08 / 12)
    assert (row["segment_duration_mean"], row["segment_duration_var"]) == (1, 0.25)
    assert (row["loudness_max_mean"], row["loudness_max_var"]) == (-15, 25)
    assert (row["pitch_3_mean"], row["timbre_11_mean"], row["timbre_11_var"]) == (0.5, 5, 25)


def test_segments_without_a_value_do_not_count():
    parts = analysis()
    parts.append(events.rows("segment", start=[1.9], duration=0.1, loudness_max=-3.0))
    row = named(parts)
    assert row["pitch_0_mean"] == 0.5
    assert row["loudness_max_mean"] == pytest.approx(-11)
    assert np.isnan(row["loudness_start_mean"])


def test_without_beats_their_duration_is_zero():
    row = named(analysis(beats=()))
    assert row["n_beats"] == row["beat_duration_mean"] == row["beat_duration_var"] == 0


@pytest.mark.parametrize("parts", [analysis()[1:], [*analysis(), analysis()[0]]])
def test_one_track_only(parts):
    with pytest.raises(ValueError, match="no events of one track"):
        named(parts)
