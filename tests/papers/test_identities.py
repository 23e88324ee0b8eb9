"""What the papers' numbers cannot be: every mark in papers/*.yaml follows from arithmetic.

Paper 000's stand in test_table_4_2.py.
"""

from fractions import Fraction
from math import ceil, floor
from statistics import mean

import pytest

from soundstage.papers import definition

# Paper 003's report of its own network: precision and recall of each genre, of ten songs each.
REPORT = {
    "blues": (0.80, 0.8), "classical": (0.82, 0.9), "country": (1.00, 0.6), "disco": (0.80, 0.4),
    "hiphop": (0.80, 0.8), "jazz": (0.69, 0.9), "metal": (0.77, 1.0), "pop": (0.82, 0.9),
    "reggae": (0.88, 0.7), "rock": (0.54, 0.7),
}  # fmt: skip


def printed(key):
    return {name: system.printed for name, system in definition.load(key).systems.items()}


def marked(key):
    return {
        (s, one.metric): one.why for one in definition.load(key).impossible for s in one.systems
    }


def is_share(value, of, digits):
    """Whether a number is a share of `of` things, cut or rounded to so many digits."""
    unit = 10**digits
    nearest = {floor(value * of), ceil(value * of)}
    return any(
        round(value * unit) in (floor(k * unit / of + 1e-9), floor(k * unit / of + 0.5 + 1e-9))
        for k in nearest
    )


def test_paper_001_prints_two_readings_as_one():
    """One of eight equal classes: recall is accuracy, and one-vs-rest counts the negatives."""
    found = set()
    accuracies = []
    for name, says in printed("001").items():
        assert says["clip.accuracy"] == says["clip.accuracy_ovr"]
        assert says["clip.f1_macro"] == says["clip.negpos_f1"]
        recall = f1 = says["clip.f1_macro"]  # printed as the same number
        # As one decision among eight: accuracy is recall, and goes with this of one against rest.
        if recall != says["clip.accuracy"]:
            found.add((name, "clip.accuracy"))
        if abs(1 - (1 - recall) / 4 - says["clip.accuracy_ovr"]) > 0.01:
            found.add((name, "clip.f1_macro"))
            assert f"{1 - (1 - recall) / 4:.2f}"[1:] in marked("001")[name, "clip.f1_macro"]
        # As a mean over both sides of each class: (a + 1 - (1 - a) / 7) / 2.
        accuracies.append(a := (2 * f1 - 6 / 7) * 7 / 8)
        if abs(1 - (1 - a) / 4 - says["clip.accuracy_ovr"]) > 0.01:
            found.add((name, "clip.accuracy_ovr"))
            assert f"{1 - (1 - a) / 4:.3f}"[1:] in marked("001")[name, "clip.accuracy_ovr"]
    assert found == set(marked("001"))
    why = marked("001")["wave_cnn", "clip.f1_macro"]
    assert all(f"{a:.2f}"[1:] in why for a in (min(accuracies), max(accuracies)))


def test_paper_002_prints_a_share_of_no_number_of_songs():
    top = printed("002")["crnn_1s"]
    assert is_share(top["vote.top_3"], 90, 4)
    assert not is_share(top["vote.top_2"], 90, 4)
    both = [n for n in range(1, 401) if all(is_share(top[f"vote.top_{k}"], n, 4) for k in (2, 3))]
    assert not both
    assert set(marked("002")) == {("crnn_1s", "vote.top_2")}
    assert f"{86 / 90:.4f}"[1:] in marked("002")["crnn_1s", "vote.top_2"]


def test_paper_002_slices_songs_as_its_table_of_frames_says():
    systems = {n: s for n, s in definition.load("002").systems.items() if n.endswith("s")}
    for system in systems.values():
        length, count = (system.params[f"models.crnn.segment.{x}"] for x in ("length", "count"))
        assert 936 // length == count  # of the shortest song
    assert 936 // 157 == 5  # what is printed for 5 s, with slices for six


def test_paper_003_prints_a_table_of_other_songs():
    right = {genre: round(10 * recall) for genre, (_, recall) in REPORT.items()}
    told = {genre: round(right[genre] / precision) for genre, (precision, _) in REPORT.items()}
    assert sum(told.values()) == 100
    report = {
        "clip.accuracy": sum(right.values()) / 100,
        "clip.precision_macro": mean(right[genre] / told[genre] for genre in REPORT),
        "clip.f1_macro": mean(2 * right[genre] / (told[genre] + 10) for genre in REPORT),
    }
    says = {name: of for name, of in printed("003").items() if of}
    found = {("cnn", metric) for metric, v in report.items() if round(v, 3) != says["cnn"][metric]}
    for _, metric in found:
        assert f"{report[metric]:.3f}"[1:] in marked("003")["cnn", metric]
    for name, of in says.items():
        accuracy, precision, recall, f1 = of.values()
        if not is_share(accuracy, 100, 3):
            found.add((name, "clip.accuracy"))
        if recall != accuracy or not is_share(recall, 100, 3):
            found.add((name, "clip.recall_macro"))
        assert f1 == round(2 * precision * recall / (precision + recall), 3)
    assert found == set(marked("003"))


def test_what_the_notes_count():
    """Numbers of the notes that follow from what the papers print."""
    notes = {key: " ".join(definition.load(key).notes) for key in definition.names()}
    accuracies = [s["clip.accuracy"] for s in printed("003").values() if s]
    rounded = (
        n for n in range(1, 1000) if all(round(round(a * n) / n, 3) == a for a in accuracies)
    )
    n = next(rounded)
    assert f"{n} is the smallest number" in notes["003"]
    layers = (32 * (3 + 1), 5248, 105_632, 10 * (128 + 1))
    assert f"{sum(layers):,} parameters" in notes["003"]
    assert f"{printed('000')['crnn1d_lstm']['clip.accuracy']:.3f}"[1:] in notes["000"]


def test_the_control_of_paper_003_has_as_many_parameters():
    (units,) = definition.load("003").systems["mlp_large"].params["models.mlp.hidden"]
    assert units == round((114_250 - 10) / (58 + 1 + 10))


def test_paper_004_counts_in_2997ths():
    classic = {
        name: Fraction(str(says["segment.accuracy"]))
        for name, says in printed("004").items()
        if "segment.f1_macro" not in says
    }
    assert len(classic) == 9

    def fits(n):
        return all(round(Fraction(round(a * n), n), 5) == a for a in classic.values())

    assert [n for n in range(100, 5001) if fits(n)] == [2997]
    assert [round(a * 2997) for a in classic.values()] == [
        1557, 1964, 2415, 1938, 2440, 2260, 2085, 2701, 2240,
    ]  # fmt: skip
    assert ceil(0.3 * 9990) == 2997
    assert not marked("004")


@pytest.mark.parametrize("key", definition.names())
def test_a_mark_stands_at_a_printed_number(key):
    assert all(metric in printed(key)[system] for system, metric in marked(key))
