"""Paper 004's nine classic models as printed, beside the code of the public notebook behind it."""

import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from everything import PROJECT, run_everything
from replicas import gtzan
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import LabelEncoder, MinMaxScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRFClassifier

from soundstage.datasets.gtzan_features import TABLES
from soundstage.features.librosa_stats import COLUMNS
from soundstage.papers import definition
from soundstage.papers.runs import Tables, directly, runs
from soundstage.report import offline

REAL = Path(os.environ.get("SOUNDSTAGE_REFERENCE", ""), "gtzan", TABLES["3s"])
DATASET = "gtzan_features_3s"
GENRES = ("blues", "jazz", "metal")
NOTEBOOK = {
    "naive_bayes": GaussianNB(),
    "sgd": SGDClassifier(max_iter=5000, random_state=0),
    "knn": KNeighborsClassifier(n_neighbors=19),
    "decision_tree": DecisionTreeClassifier(random_state=0),
    "random_forest": RandomForestClassifier(n_estimators=1000, max_depth=10, random_state=0),
    "svm": SVC(decision_function_shape="ovo"),
    "logistic_regression": LogisticRegression(random_state=0, solver="lbfgs"),
    "xgboost": XGBClassifier(n_estimators=1000, learning_rate=0.05, n_jobs=1),
    "xgboost_forest": XGBRFClassifier(objective="multi:softmax", n_jobs=1),
}


def notebook(table: Path):
    """Return the rows of the notebook, X_train, X_test, y_train and y_test, as it makes them."""
    data = pd.read_csv(table).iloc[0:, 1:]
    y = LabelEncoder().fit_transform(data["label"])
    X = data.loc[:, data.columns != "label"]
    X = pd.DataFrame(MinMaxScaler().fit_transform(X), columns=X.columns)
    return train_test_split(X.to_numpy(), y, test_size=0.3, random_state=42)


def made_up(file: Path):
    """Write a table in the public layout: 3 genres of 8 songs, whose tenths are alike.

    The last tenth of two songs is missing, as that of ten songs is in the public table.
    """
    rng = np.random.default_rng(0)
    scale = np.logspace(-3, 4, len(COLUMNS))
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["filename", *COLUMNS, "label"])
        for genre in GENRES:
            of_genre = 0.25 * rng.standard_normal(len(COLUMNS))
            for song in range(8):
                of_song = of_genre + 0.35 * rng.standard_normal(len(COLUMNS))
                for tenth in range(9 if genre == "jazz" and song in (2, 5) else 10):
                    values = scale * (5 + of_song + rng.standard_normal(len(COLUMNS)))
                    name = f"{genre}.{song:05}.{tenth}.wav"
                    rows.writerow([name, 66149, *values[1:].tolist(), genre])


def project(root: Path, folder: Path, monkeypatch):
    """Fill a project's store with the table in `root`; this process is in its folder, too."""
    text = (PROJECT / "params.yaml").read_text("utf-8")
    at = f"{DATASET}: {{kind: gtzan_features, root: "
    assert f"{at}null" in text
    folder.mkdir()
    text = text.replace(f"{at}null", f"{at}{root}").replace("n_bootstrap: 1000", "n_bootstrap: 9")
    (folder / "params.yaml").write_text(text, "utf-8")
    offline.write_bundle(folder / ".soundstage" / "vega.js")
    finished = run_everything(folder, monkeypatch, {
        "dataset": DATASET,
        "datasets": {DATASET: {"root": str(root)}},
        "split": {"name": "song"},
        "model": "naive_bayes",
        "models": {"naive_bayes": {"input": "librosa_stats_slices"}},
    })  # fmt: skip
    assert finished.metrics("test")["dataset"] == DATASET


def asked(protocol, systems):
    paper = definition.load("004", PROJECT / "papers")
    return runs("004", paper, systems=systems, protocols=[protocol])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # the notebook's too
def test_all_nine_score_as_the_notebooks_code_does(tmp_path, monkeypatch):
    root = tmp_path / "tables"
    root.mkdir()
    gtzan(root, GENRES, 8, lambda *_: None)  # the lists of the filtered split
    made_up(root / TABLES["3s"])
    project(root, tmp_path / "project", monkeypatch)
    X_train, X_test, y_train, y_test = notebook(root / TABLES["3s"])
    names = pd.read_csv(root / TABLES["3s"])["filename"].str[:-6]
    torn = set.intersection(*map(set, train_test_split(names, test_size=0.3, random_state=42)))
    assert (len(y_train), len(y_test)) == (166, 72)
    expected, found = {}, {}
    for name, model in NOTEBOOK.items():
        answers = model.fit(X_train, y_train).predict(X_test)
        f1 = f1_score(y_test, answers, average="macro")
        expected[name] = round(accuracy_score(y_test, answers), 5), round(f1, 6)
    tables = Tables()
    for run in asked("as_printed", list(NOTEBOOK)):
        scores = directly(run, tables)
        segment = scores["segment"]
        found[run.system] = round(segment["accuracy"], 5), segment["f1_macro"]
        assert scores["split"] == "sklearn_rows"
        assert scores["warning"] == {"torn_clip": len(torn), "scaled_on_test": 72}
    assert found == expected
    assert len(set(found.values())) > 6
    assert all(0.3 < accuracy < 0.95 for accuracy, _ in found.values())
    # Dealt by song, the same rows leak nothing, and a song is more than its tenths.
    for protocol, n in {"ten_draws": 3, "filtered_640": 6}.items():
        scores = directly(asked(protocol, ["knn"])[0], tables)
        assert "warning" not in scores
        assert scores["n_scored"] == n
        assert scores["segment"]["accuracy"] != scores["clip"]["accuracy"]


@pytest.mark.skipif(not REAL.is_file(), reason=f"no {TABLES['3s']} in $SOUNDSTAGE_REFERENCE/gtzan")
def test_the_real_table_gives_what_is_printed(tmp_path, monkeypatch):
    project(REAL.parent, tmp_path / "project", monkeypatch)
    tables = Tables()
    printed = {"naive_bayes": 0.51952, "knn": 0.80581}
    scores = {run.system: directly(run, tables) for run in asked("as_printed", list(printed))}
    assert {name: round(of["segment"]["accuracy"], 5) for name, of in scores.items()} == printed
