from dataclasses import replace

import numpy as np
import pytest
from answers import predictions, random_predictions

from soundstage.metrics.predictions import Predictions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": np.array([[0.5, np.nan], [0.5, 0.5]])}, "probability is not finite"),
        ({"probability": np.array([[np.inf, 0], [0.5, 0.5]])}, "probability is not finite"),
        ({"probability": np.array([[3.0, -2.0], [0.5, 0.5]])}, "were logits passed"),
        ({"probability": np.array([[0.9, 0.9], [0.5, 0.5]])}, "does not sum to 1"),
        ({"probability": np.full((2, 3), 1 / 3)}, "probability has shape"),
        ({"y_true": np.array([0, 1, 0])}, "y_true has shape"),
        ({"y_true": np.array([[True], [False]])}, "y_true has shape"),
        ({"y_true": np.array([0, 2])}, "outside 0..1"),
        ({"y_true": np.array([0, -1])}, "outside 0..1"),
        ({"y_true": np.array([0.0, 1.0])}, "float64"),
        ({"y_true": np.eye(2, dtype=int)}, "int64"),
        ({"group": np.array(["x"])}, "group has shape"),
        ({"train_shares": np.array([1.0])}, "train_shares has shape"),
        ({"train_shares": np.array([0.5, np.nan])}, "train_shares is not finite"),
        ({"classes": ("a", "a")}, "distinct classes"),
        ({"segment": np.array([0, 0])}, "occurs twice"),
        ({"group": np.array(["x", "y"])}, "differ in group"),
        ({"y_true": np.array([0, 1])}, "differ in y_true"),
        ({"thresholds": np.array([0.5, 0.5])}, "thresholds are of tags"),
        ({"y_true": np.ones((2, 2), bool), "thresholds": np.array([0.5])}, "thresholds has shape"),
        ({"y_true": np.ones((2, 2), bool), "thresholds": np.array([0.5, 2])}, "thresholds is out"),
    ],
)
def test_refuses(change, message):
    fine = {
        "track": np.array(["one", "one"]),
        "segment": np.array([0, 1]),
        "group": np.array(["x", "x"]),
        "y_true": np.array([0, 0]),
        "probability": np.full((2, 2), 0.5),
        "classes": ("a", "b"),
        "train_shares": np.array([0.5, 0.5]),
    }
    Predictions(**fine)
    with pytest.raises(ValueError, match=message):
        Predictions(**fine | change)


def test_refuses_zero_rows():
    none = np.array([], str)
    with pytest.raises(ValueError, match="zero rows"):
        Predictions(none, np.array([], int), none, np.array([], int), np.zeros((0, 2)),
                    ("a", "b"), np.array([0.5, 0.5]))  # fmt: skip


def clip_of(*probability, y_true=0):
    """One clip of the given segments."""
    probability = np.array(probability)
    n, C = probability.shape
    return Predictions(
        track=np.full(n, "clip"),
        segment=np.arange(n),
        group=np.full(n, "song"),
        y_true=np.full((n, *np.shape(y_true)), y_true),
        probability=probability,
        classes=tuple("abcdef"[:C]),
        train_shares=np.full(C, 1 / C),
    )


def ranked(found):
    """The classes of the only clip, best first."""
    return "".join(found.classes[c] for c in np.argsort(-found.probability[0], kind="stable"))


def test_a_sure_segment_moves_the_mean_and_has_one_vote():
    found = clip_of([0.98, 0.01, 0.01], [0.4, 0.5, 0.1], [0.4, 0.5, 0.1])
    assert ranked(found.clips()) == "abc"
    assert ranked(found.votes()) == "bac"
    np.testing.assert_allclose(found.votes().probability[0].sum(), 1)


def test_equal_votes_go_to_the_larger_summed_probability():
    # a and b have two votes each and c one; b's segments are surer.
    found = clip_of([0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.1, 0.7, 0.2],
                    [0.0, 0.1, 0.9])  # fmt: skip
    assert ranked(found.votes()) == "bac"
    # Summed probability does not outweigh a vote: c has the most of it, and the fewest votes.
    found = clip_of([0.34, 0.33, 0.33], [0.4, 0.2, 0.4], [0.34, 0.36, 0.3], [0.0, 0.0, 1.0])
    assert ranked(found.clips()) == "cab"
    assert ranked(found.votes()) == "acb"


def test_a_vote_agrees_with_counting(rng):
    found = random_predictions(rng, 400, 5)
    tracks = rng.integers(0, 60, 400)
    segments = np.arange(400)
    found = replace(
        found,
        track=tracks.astype(str),
        segment=segments,
        group=tracks.astype(str),
        y_true=tracks % 5,
    )
    votes = found.votes()
    assert votes.track.tolist() == found.clips().track.tolist()
    for track, probability in zip(votes.track, votes.probability, strict=True):
        of = found.probability[found.track == track]
        count = np.bincount(of.argmax(axis=1), minlength=5)
        expected = sorted(range(5), key=lambda c: (count[c], of[:, c].sum()), reverse=True)
        assert np.argsort(-probability).tolist() == expected


def test_only_sure_segments_vote_where_there_are_any():
    found = clip_of([0.6, 0.2, 0.2], [0.3, 0.4, 0.3], [0.3, 0.4, 0.3])
    assert ranked(found.votes())[0] == "b"
    assert ranked(found.votes(over=0.5))[0] == "a"
    unsure = clip_of([0.3, 0.4, 0.3], [0.3, 0.4, 0.3], [0.5, 0.2, 0.3])
    assert ranked(unsure.votes(over=0.5)) == ranked(unsure.votes())  # 0.5 is not over 0.5
    np.testing.assert_array_equal(unsure.votes(over=0.5).probability, unsure.votes().probability)


@pytest.mark.parametrize(
    ("probability", "chosen"),
    [
        ([0.9, 0.9, 0.1], True),
        ([0.5, 0.5, 0.0], True),
        ([0.45, 0.45, 1.0], False),  # its mean is 0.63
        ([0.4, 0.7], True),  # one of two, and 0.55
        ([0.1, 0.7], False),  # one of two, and 0.4
        ([0.49], False),
        ([0.5], True),
    ],
)
def test_half_of_the_segments_give_a_tag(probability, chosen):
    found = clip_of(*[[p, 1 - p] for p in probability], y_true=[True, False])
    assert found.votes().chosen[0, 0] == chosen


def test_thresholds_decide_tags():
    found = predictions([[True, False]], [[0.4, 0.6]])
    assert found.chosen.tolist() == [[False, True]]
    tuned = replace(found, thresholds=np.array([0.4, 0.61]))
    assert tuned.chosen.tolist() == [[True, False]]


def test_a_clip_has_only_the_segments_of_its_part():
    whole = clip_of([0.9, 0.1], [0.2, 0.8], [0.1, 0.9])
    part = whole.rows(whole.segment != 0)
    np.testing.assert_allclose(part.clips().probability, [[0.15, 0.85]])
