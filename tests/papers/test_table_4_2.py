"""Paper 000's table 4.2, rebuilt: `table_4_2.csv` holds it as it is printed, by our names.

The paper validates on 1,635 clips and cuts its numbers off after four digits. So its recall, of the
negative class, tells how many negatives were found, its accuracy how many clips were right, and the
column of the network that finds no clip at all how many negatives there are: 80 confusion matrices,
without a choice. What follows from them is checked here, its impossible cells among it.
"""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from answers import predictions

from soundstage.metrics.scores import decisions
from soundstage.papers import definition

CLIPS = 1635
DIGITS = 10_000
FINDS_NOTHING = "crnn1d_lstm"
TABLE = pl.read_csv(Path(__file__).with_name("table_4_2.csv"))
SYSTEMS = TABLE.columns[2:]
PRINTED = {(r["score"], r["tag"], s): r[s] for r in TABLE.iter_rows(named=True) for s in SYSTEMS}
TAGS = list(dict.fromkeys(TABLE["tag"]))[:-1]
COUNTED = ("accuracy", "neg_precision", "neg_recall")
MISPRINTS = {("neg_precision", "guitar", "crnn2d_gru"), ("neg_precision", "drums", "cnn1d")}
PAPER = definition.load("000")


def cut(value):
    """Return the digits that the paper leaves of a number."""
    return int(np.floor(value * DIGITS + 1e-6))


def digits(*cell):
    return round(PRINTED[cell] * DIGITS)


def only(shares, of, printed):
    """Return the only number of `shares` whose share of `of` is printed so."""
    (found,) = [k for k in shares if k * DIGITS // of == printed]
    return found


def matrix(tag, system):
    """Return the confusion matrix (TN, FP, FN, TP) of a cell."""
    negatives = only(range(CLIPS + 1), CLIPS, digits("accuracy", tag, FINDS_NOTHING))
    tn = only(range(negatives + 1), negatives, digits("neg_recall", tag, system))
    right = only(range(tn, CLIPS + 1), CLIPS, digits("accuracy", tag, system))
    return tn, negatives - tn, CLIPS - negatives - (right - tn), right - tn


@pytest.fixture(scope="module")
def rebuilt():
    """The scores of each system that answered as its confusion matrices say."""

    def scores(system):
        truth, chosen = (
            np.stack([np.repeat(values, matrix(tag, system)) for tag in TAGS], axis=1)
            for values in ([False, False, True, True], [False, True, False, True])
        )
        found = decisions(predictions(truth, chosen))
        return found | {"class": dict(zip(TAGS, found["class"].values(), strict=True))}

    return {system: scores(system) for system in SYSTEMS}


def test_the_clips_are_those_of_the_tail():
    """The positives of the last 1,635 clips by number that have one of the ten tags."""
    found = [sum(matrix(tag, FINDS_NOTHING)[2:]) for tag in TAGS]
    assert dict(zip(TAGS, found, strict=True)) == {
        "guitar": 706, "classical": 945, "slow": 365, "techno": 56, "strings": 457,
        "drums": 45, "electronic": 46, "rock": 90, "fast": 142, "piano": 315,
    }  # fmt: skip
    assert all(PRINTED["neg_recall", tag, FINDS_NOTHING] == 1 for tag in TAGS)


def test_238_of_240_cells_come_back(rebuilt):
    cells = [(score, tag, s) for score in COUNTED for tag in TAGS for s in SYSTEMS]
    differ = {
        (score, tag, s)
        for score, tag, s in cells
        if cut(rebuilt[s]["class"][tag][score]) != digits(score, tag, s)
    }
    assert len(cells) == 240
    assert differ == MISPRINTS
    assert cut(rebuilt["crnn2d_gru"]["class"]["guitar"]["neg_precision"]) == 7636  # .7637: a slip
    # The other repeats the accuracy above it.
    assert cut(rebuilt["cnn1d"]["class"]["drums"]["neg_precision"]) == 9787
    assert PRINTED["neg_precision", "drums", "cnn1d"] == PRINTED["accuracy", "drums", "cnn1d"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_the_paper_file_says_follows_from_the_table(system, rebuilt):
    entry = PAPER.systems[system]
    for score in TABLE["score"].unique():
        printed = PRINTED[score, "mean", system]
        assert entry.printed[f"clip.{score}"] == printed
        mean_of_cut = np.mean([digits(score, tag, system) for tag in TAGS])
        assert -1 < digits(score, "mean", system) - mean_of_cut < 1, score
    for metric, value in entry.derived.items():
        assert value == pytest.approx(rebuilt[system][metric.removeprefix("clip.")], abs=5e-5)


def test_impossible_means_are_those_with_an_impossible_cell(rebuilt):
    impossible, text = set(), {}
    for one in PAPER.impossible:
        for system in one.systems:
            text[system, one.metric] = one.why

    for system in SYSTEMS:
        of_class = rebuilt[system]["class"]
        for score in COUNTED:
            mean = np.mean([of_class[tag][score] for tag in TAGS])
            if not 0 <= mean * DIGITS - digits(score, "mean", system) < 2:  # cut twice
                impossible.add((system, f"clip.{score}"))
        for tag in TAGS:
            tn, fp, fn, tp = matrix(tag, system)
            # A curve through the point at .5 has no more area than the two rectangles beside it.
            most = 1 - fp / (fp + tn) * (fn / (fn + tp))
            least = tn / (fp + tn) * (tp / (fn + tp))
            if not least - 1e-4 <= PRINTED["roc_auc", tag, system] <= most:
                impossible.add((system, "clip.roc_auc"))
    assert impossible == set(text)

    tn, fp, fn, tp = matrix("piano", "crnn1d_gru")
    why = text["crnn1d_gru", "clip.roc_auc"]
    assert f".{cut(1 - fp / (fp + tn) * (fn / (fn + tp)))}" in why
    assert f".{round(1000 * fp / (fp + tn))}" in why
    assert f".{round(1000 * tp / (fn + tp))}" in why
    printed = {tag: PRINTED["roc_auc", tag, "crnn1d_gru"] for tag in TAGS}
    likely = printed | {"piano": 0.8709}
    assert f".{cut(np.mean(list(likely.values())))}" in why
    mean = np.mean([rebuilt["cnn1d"]["class"][tag]["neg_precision"] for tag in TAGS])
    assert f".{cut(mean)}" in text["cnn1d", "clip.neg_precision"]
