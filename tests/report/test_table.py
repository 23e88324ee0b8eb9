from soundstage.report.table import table


def scores(**changes):
    values = {"accuracy": 0.75, "f1_macro": 0.7, "roc_auc": 0.9, "average_precision": 0.8}
    return values | changes


METRICS = {
    "model": "svm",
    "dataset": "demo",
    "target": "genre",
    "split": "group",
    "n_listed": 40,
    "n_quarantined": 3,
    "n_expected": 37,
    "n_scored": 37,
    "clip": scores()
    | {
        "interval": {"accuracy": {"low": 0.6123456, "high": 0.8876}},
        "class": {"reel": {"support": 20, "f1": 0.8}, "[waltz]": {"support": 0}},
    },
    "segment": scores(accuracy=0.5),
    "baseline": {"majority": scores(accuracy=0.41), "prior": scores(accuracy=0.31)},
}


def test_shows_what_was_measured():
    lines = table(METRICS).splitlines()
    assert lines[0] == "svm on demo, target genre, split group"
    titles = ["clip", "95", "%", "interval", "segment", "majority", "prior"]
    assert lines[1].split() == titles
    accuracy = ["accuracy", "0.750", "0.612", "to", "0.888", "0.500", "0.410", "0.310"]
    assert lines[2].split() == accuracy
    assert lines[3].split() == ["f1_macro", "0.700", "-", "0.700", "0.700", "0.700"]
    assert "reel 0.800   [waltz] -" in lines
    assert lines[-1] == "clips of the test part: 40 listed, 3 quarantined, 37 expected, 37 scored"


def test_warnings_stand_below_the_scores():
    warned = METRICS | {"heard": 0.0512, "warning": {"missing_class": 2, "shared_artist": 37}}
    lines = table(warned).partition("clips of the test part: ")[2].splitlines()
    assert lines[1] == "heard of their audio: 5.1 %"
    assert lines[2].startswith("warning: missing_class (2): is a class that not every part has")
    assert lines[-1].endswith("see what split.name=artist gives")
    assert max(map(len, lines)) <= 100


def test_undefined_scores_show_as_a_dash():
    clip = {"accuracy": 1.0, "class": {"reel": {"support": 2, "f1": 1.0}}}
    segment = {"accuracy": 1.0}
    lines = table(METRICS | {"clip": clip, "segment": segment}).splitlines()
    assert lines[2].split() == ["accuracy", "1.000", "-", "1.000", "0.410", "0.310"]
    assert lines[4].split() == ["roc_auc", "-", "-", "-", "0.900", "0.900"]


def test_many_long_classes_stay_within_100_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    classes = {f"international folk number {i}": {"support": 1, "f1": i / 50} for i in range(50)}
    text = table(METRICS | {"clip": METRICS["clip"] | {"class": classes}})
    assert max(map(len, text.splitlines())) <= 100
    for i in range(50):
        assert f"number {i} {i / 50:.3f}" in text


def test_what_only_genres_or_only_tags_have_is_shown_too():
    clip = METRICS["clip"] | {"accuracy_ovr": 0.875, "top_2": 0.9, "top_3": 0.95}
    lines = table(METRICS | {"clip": clip, "vote": {"accuracy": 0.8, "top_2": 0.85}}).splitlines()
    titles = ["clip", "95", "%", "interval", "vote", "segment", "majority", "prior"]
    assert lines[1].split() == titles
    rows = {line.split()[0]: line.split()[1:] for line in lines[2:9]}
    assert list(rows)[:4] == ["accuracy", "accuracy_ovr", "top_2", "top_3"]
    assert rows["accuracy"] == ["0.750", "0.612", "to", "0.888", "0.800", "0.500", "0.410", "0.310"]
    assert rows["top_2"] == ["0.900", "-", "0.850", "-", "-", "-"]
    tags = METRICS | {"clip": METRICS["clip"] | {"pr_auc_trapezoid": 0.79}, "vote": scores()}
    lines = table(tags | {"tuned": {"f1_macro": 0.72}}).splitlines()
    assert "tuned" in lines[1].split()
    assert lines[3].split()[3:5] == ["0.700", "0.720"]
    assert lines[6].split()[:2] == ["pr_auc_trapezoid", "0.790"]
