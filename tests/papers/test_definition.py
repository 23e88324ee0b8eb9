import pytest

from soundstage import params, registry
from soundstage.errors import SoundstageError
from soundstage.papers import definition
from soundstage.papers.runs import runs

KEYS = definition.names()
COUNTS = {"000": 8, "001": 3, "002": 7, "003": 4, "004": 13}


def test_there_are_five_papers_with_35_systems():
    found = {key: definition.load(key).systems for key in KEYS}
    as_told = {
        key: [name for name, system in of.items() if system.printed and not name.endswith("_table")]
        for key, of in found.items()
    }
    assert {key: len(of) for key, of in as_told.items()} == COUNTS
    assert sum(COUNTS.values()) == 35


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dataset", ["", "demo30"], ids=["home", "elsewhere"])
def test_every_run_sets_parameters_that_there_are(key, dataset):
    paper = definition.load(key)
    seen = set()
    for run in runs(
        key, paper, dataset=dataset, values=[9]
    ):  # as good as any: of ten folds the last
        changed = params.load(changes=run.parameters)
        model = changed.models[changed.top.model]
        assert model.kind in registry.names("models")
        assert changed.top.dataset == run.dataset
        seen.add((run.system, run.protocol))
    assert seen == {(s, p) for s in paper.systems for p in paper.protocols}
    assert {"as_printed", "honest"} <= set(paper.protocols)


def test_names_of_runs_are_distinct_and_names_of_experiments():
    names = [run.name for key in KEYS for run in runs(key, definition.load(key))]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() for name in names)


def test_a_metric_that_no_evaluation_gives_is_printed_nowhere():
    levels = {"clip", "vote", "segment", "tuned"}
    for key in KEYS:
        assert {metric.partition(".")[0] for metric in definition.load(key).metrics()} <= levels


def test_mistakes_are_told_with_the_file(tmp_path):
    with pytest.raises(SoundstageError, match=r"no '03'; did you mean '003'\?"):
        definition.load("03")
    (tmp_path / "x.yaml").write_text("title: t\ndataset: demo\nprotocol: {}\nsystems: {}\n")
    with pytest.raises(SoundstageError, match=r"x\.yaml: protocols: Field required\n.*protocol: "):
        definition.load("x", tmp_path)
    (tmp_path / "x.yaml").write_text("title: [")
    with pytest.raises(SoundstageError, match="not YAML"):
        definition.load("x", tmp_path)


def test_changed_parameters_are_checked_as_the_file_is():
    assert params.load(changes={"seed": 7, "models.knn.k": 3}).models["knn"].arguments["k"] == 3
    assert params.load().models["knn"].arguments["k"] != 3
    with pytest.raises(SoundstageError, match=r"models\.knn\.kk: no such parameter"):
        params.load(changes={"models.knn.kk": 3})
