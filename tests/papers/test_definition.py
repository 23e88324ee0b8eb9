import pytest

from soundstage import params, registry, splits
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
    assert seen == {
        (s, name)
        for s in paper.systems
        for name, p in paper.protocols.items()
        if (not p.systems or s in p.systems) and (not p.dataset or not dataset)
    }
    assert {"as_printed", "honest"} <= set(paper.protocols)


# Of each paper, by its own data sets: the split of each protocol's runs. Nowhere is one that stands
# for another in terms that every data set has, such as `holdout` for `fault_filtered_holdout`.
ON_GTZAN = {"ten_draws": "song", "ten_folds": "song", "filtered_640": "fault_filtered_holdout"}
OF_003 = {**ON_GTZAN, "as_printed": "holdout", "random_640": "song", "honest": "honest"}
OF_004 = {**ON_GTZAN, "as_printed": "sklearn_rows", "honest": "honest"}
OF_001 = {"as_printed": "official", "epoch_15": "official", "honest": "honest"}
SPLITS = {
    ("000", "magnatagatune"): {
        "as_printed": "tail1635",
        "honest": "honest",
        "artist": "artist",
        "random_clip": "holdout",
        "clipped": "tail1635",
    },
    ("001", "fma_small"): OF_001,
    ("001", "fma_medium"): OF_001,
    ("002", "gtzan"): {"as_printed": "random", "honest": "honest"},
    ("003", "gtzan_features"): OF_003,
    ("003", "gtzan"): OF_003,
    ("004", "gtzan"): OF_004,
    ("004", "gtzan_features_3s"): OF_004,
    ("004", "gtzan_features"): {
        "on_30s_table": "holdout",
        "on_30s_table_filtered": "fault_filtered_holdout",
    },
}


@pytest.mark.parametrize(("key", "dataset"), SPLITS)
def test_every_run_on_a_papers_own_data_sets_has_the_split_that_its_protocol_names(key, dataset):
    found = {(r.protocol, r.overrides["split.name"]) for r in runs(key, definition.load(key),
                                                                   dataset=dataset)}  # fmt: skip
    assert found == set(SPLITS[key, dataset].items())


def test_every_run_where_a_paper_puts_it_is_on_a_data_set_listed_here():
    for key in KEYS:
        paper = definition.load(key)
        for run in runs(key, paper):
            assert SPLITS[key, run.dataset][run.protocol] == run.overrides["split.name"]


@pytest.mark.parametrize(
    ("key", "substituted"),
    [
        ("000", {("as_printed", "tail"), ("clipped", "tail")}),
        ("001", {("as_printed", "random"), ("epoch_15", "random")}),
        ("002", set()),
        ("003", {("filtered_640", "holdout")}),
        ("004", {("filtered_640", "holdout")}),
    ],
)
def test_a_split_that_a_data_set_lacks_has_one_of_its_kind_in_its_place(key, substituted):
    paper = definition.load(key)
    named = {p: protocol.params["split.name"] for p, protocol in paper.protocols.items()}
    there = {(r.protocol, r.overrides["split.name"]) for r in runs(key, paper, dataset="demo30")}
    assert {(p, split) for p, split in there if split != named[p]} == substituted


@pytest.mark.parametrize("kind", sorted(registry.names("datasets")))
def test_a_data_set_names_the_split_that_it_is_to_be_scored_on(kind):
    module = registry.load("datasets", kind)
    assert module.HONEST in {*splits.SPLITS, *getattr(module, "SPLITS", ())}


def test_the_nine_classic_models_are_those_of_the_notebook_as_printed_only():
    paper = definition.load("004")
    nine = [name for name, system in paper.systems.items() if system.dataset]
    assert len(nine) == 9
    first = {(r.system, r.protocol): r for r in reversed(runs("004", paper, systems=nine))}
    for (system, protocol), run in first.items():
        one = params.load(changes=run.parameters)
        model, split = one.models[system], one.top.split
        as_printed, whole = protocol == "as_printed", run.dataset == "gtzan_features"
        assert model.arguments["scaler"] == "minmax"
        assert (model.arguments["scaler_fit"] == "all") == as_printed
        decides = as_printed and system in ("svm", "sgd")
        assert (model.arguments.get("answers") == "decision") == decides
        assert model.input == ("librosa_stats" if whole else "librosa_stats_slices")
        assert one.dataset.arguments["table"] == ("30s" if whole else "3s")
        if as_printed:
            assert (split.seed, split.test, split.valid, one.top.seed) == (42, 0.3, 0, 0)


def test_the_30_s_table_has_no_runs_but_its_own():
    paper = definition.load("004")
    assert {r.dataset for r in runs("004", paper, protocols=["on_30s_table"])} == {"gtzan_features"}
    with pytest.raises(SoundstageError, match=r"no run of knn under as_printed on gtzan_features$"):
        runs("004", paper, systems=["knn"], protocols=["as_printed"], dataset="gtzan_features")


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
    text = (
        "title: t\ndataset: demo\nprotocols: {p: {says: s, params: {}, over: {}, systems: [%s]}}\n"
    )
    text += "systems: {a: {model: knn, under: {%s: {}}}}\n"
    for names, said in {("b", "p"): "no system 'b'", ("a", "q"): "no protocol 'q'"}.items():
        (tmp_path / "x.yaml").write_text(text % names)
        with pytest.raises(SoundstageError, match=rf"x\.yaml: .*{said}"):
            definition.load("x", tmp_path)
    (tmp_path / "x.yaml").write_text("title: [")
    with pytest.raises(SoundstageError, match="not YAML"):
        definition.load("x", tmp_path)


def test_changed_parameters_are_checked_as_the_file_is():
    assert params.load(changes={"seed": 7, "models.knn.k": 3}).models["knn"].arguments["k"] == 3
    assert params.load().models["knn"].arguments["k"] != 3
    with pytest.raises(SoundstageError, match=r"models\.knn\.kk: no such parameter"):
        params.load(changes={"models.knn.kk": 3})
