import re
from pathlib import Path

import pytest

from soundstage import params
from soundstage.errors import SoundstageError
from soundstage.params import inputs
from soundstage.params.mistakes import Mistakes

TEXT = (Path(__file__).parents[1] / "params.yaml").read_text()


@pytest.fixture
def change(tmp_path):
    """Return a function that loads the project's parameters after replacing some text."""

    def load(*replacements):
        changed = TEXT
        for old, new in replacements:
            assert old in changed
            changed = changed.replace(old, new, 1)
        file = tmp_path / "params.yaml"
        file.write_text(changed)
        return params.load(file)

    return load


def test_the_projects_own_file_is_right(change):
    loaded = change()
    assert loaded.dataset.name == loaded.top.dataset
    assert loaded.models["mfcc_lstm"].training.learning_rate == 1e-4


def test_a_misspelt_name_is_reported_with_its_line_and_the_nearest(change):
    message = r"^params\.yaml:\d+: features\.mel\.n_mel: no such parameter; did you mean 'n_mels'\?"
    with pytest.raises(SoundstageError, match=message) as caught:
        change(("n_mels: 128", "n_mel: 128"))
    line = int(re.findall(r":(\d+):", str(caught.value))[0])
    assert "n_mels: 128" in TEXT.splitlines()[line - 1]


def test_all_mistakes_are_reported_at_once_in_order(change):
    with pytest.raises(SoundstageError) as caught:
        change(
            ("hop_length: 512", "hop_length: 0"),
            ("model: mfcc_lstm", "model: mfcc_lstn"),
            ("seed: 0 ", "seed: zero "),
            ("epochs: 200, batch_size: 32", "epoch: 200, batch_size: 32"),
        )
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "model: no 'mfcc_lstn'; did you mean 'mfcc_lstm'?",
        "seed: must be an integer, got 'zero'",
        "features.mel.hop_length: must be greater than 0, got 0",
        "models.stats_cnn.training.epoch: no such parameter; did you mean 'epochs'?",
        "models.stats_cnn.training.epochs: is missing",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dataset: demo ", "dataset: dmeo ", r"dataset: no 'dmeo'; did you mean 'demo'"),
        ("source: pcm8", "source: pcm", r"features.psd.source: no 'pcm'; did you mean 'pcm8'"),
        ("input: librosa_stats", "input: stats", r"models.stats_cnn.input: no 'stats'"),
        ("kind: svm", "kind: smv", r"models.svm.kind: no file models/smv.py; did you mean 'svm'"),
        ("waveform: pcm8", "waveform: pcm16", r"audit.waveform: no 'pcm16'"),
        (
            "  audio44k: {",
            "  tracks: {",
            r"waveforms.tracks: is what the counts of tracks are called",
        ),
        ("one_case: false", "one_case: maybe", r"labels.one_case: must be a boolean"),
        ("test: 0.25", "test: 0.9", r"split.test: valid and test take 1.05"),
        ("clips_per_shard: 16", "clips_per_shard: 16.5", r"store.clips_per_shard: must be"),
        ("dtype: int8", "dtype: int9", r"waveforms.pcm8.dtype: must be 'int8'"),
        ("target: auto", "target: [genre", r"params.yaml: not YAML"),
        ("gamma: scale", "gamma: big", r"models.svm.gamma"),
        ("uneven: 1.5", "uneven: 0.5", r"cut.uneven: must be greater than or equal to 1"),
        ("[aac, ac3", "[aac, acc", r"params.yaml:\d+: decode.formats.1: must be 'aac'"),
    ],
)
def test_mistakes(change, old, new, message):
    with pytest.raises(SoundstageError, match=message):
        change((old, new))


def test_a_feature_may_read_a_feature_but_not_itself(change):
    assert change(("source: pcm8, fs", "source: mel, fs")).features["psd"].input == "mel"
    with pytest.raises(SoundstageError, match=r"psd\.source: the feature is made from itself"):
        change(("source: pcm8, fs", "source: psd, fs"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: cnn1d\n    input: pcm8", "kind: cnn1d\n    input: psd",
         r"models.cnn1d.input: cnn1d reads \(sample\), and psd gives \(frequency, frame\); "
         "choose from: audio16k, audio22k, audio44k, pcm8$"),
        ("input: psd", "input: audio22k",
         r"crnn2d_rnn reads \(frequency, frame\), and audio22k gives \(sample\); "
         "choose from: mel, mel16k_copies, psd$"),
        ("input: psd", "input: mel",
         r"models.crnn2d_rnn.input: crnn2d_rnn reads PCM-8 steps squared per cycle/sample, and mel "
         "gives dB; choose a feature that gives PCM-8"),
        ("kind: crnn\n    input: mel16k_copies", "kind: crnn\n    input: mfcc",
         r"crnn reads \(frequency, frame\), and mfcc gives \(frame, coefficient\)"),
        ("kind: mfcc_lstm\n    input: mfcc", "kind: mfcc_lstm\n    input: mel",
         r"mfcc_lstm reads \(frame, coefficient\), and mel gives \(frequency, frame\); "
         "choose from: mfcc$"),
        ("kind: stats_cnn\n    input: librosa_stats", "kind: stats_cnn\n    input: pcm8",
         r"stats_cnn reads \(column\), and pcm8 gives \(sample\); choose from: .*tzanetakis"),
        ("kind: svm\n    input: librosa_stats", "kind: svm\n    input: echonest_events",
         r"svm reads \(column\), and echonest_events gives \(event, column\)"),
        ("kind: mel_rescnn\n    input: audio44k", "kind: mel_rescnn\n    input: audio22k",
         r"params.yaml:\d+: models.mel_rescnn.sr: is 44100, and audio22k has 22050 Hz; it must be "
         "the rate of the input: set it to 22050"),
        ("audio44k: {sr: 44100", "audio44k: {sr: 48000",
         r"models.mel_rescnn.sr: is 44100(?s:.*)models.wave_mel_cnn.sr: is 44100"),
        ("source: pcm8, fs", "source: audio16k, fs",
         "features.psd.source: its unit is PCM-8 steps squared per cycle/sample, and audio16k is "
         "float32, not int8; choose from: pcm8"),
        ("segment: {length: 94, count: 9}", "segment: {length: 94, seconds: 3.0}",
         r"models.crnn.segment: has a length and seconds; remove one"),
        ("segment: {length: 94, count: 9}", "segment: {hop: 3.0}",
         r"models.crnn.segment.hop: is of pieces without a length"),
        ("segment: {length: 94, count: 9}", "segment: {length: 94, hop: 47.5}",
         r"models.crnn.segment.hop: must be in whole steps, as length is, got 47.5"),
        ("segment: {length: 94, count: 9}", "segment: {length: 94, at: end}",
         r"models.crnn.segment.at: must be 'start', 'middle' or 'all'"),
    ],
)  # fmt: skip
def test_a_model_is_refused_an_input_that_it_cannot_read(change, old, new, message):
    with pytest.raises(SoundstageError, match=message):
        change((old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("input: librosa_stats", "input: librosa_stats_slices"),
        ("kind: crnn\n    input: mel16k_copies", "kind: crnn\n    input: mel"),
        ("kind: mfcc_cnn\n    input: mfcc", "kind: mfcc_cnn\n    input: mfcc"),
        ("kind: cnn1d\n    input: pcm8", "kind: cnn1d\n    input: audio16k"),
        ("segment: {length: 94, count: 9}", "segment: {length: 94, hop: 47, at: all}"),
        (
            "segment: {length: 94, count: 9}",
            "segment: {seconds: 3, hop: 1.5, at: middle, count: 3}",
        ),
    ],
)
def test_a_model_may_have_another_input_of_its_kind(change, old, new):
    change((old, new))


def test_a_feature_of_axes_unknown_to_a_model_may_stand_in(tmp_path, monkeypatch):
    """Only time and columns must be in the same places: a chromagram is read as a spectrogram."""
    stated = {
        "chroma": {"AXES": ("pitch_class", "frame")},
        "crnn": {"AXES": ("frequency", "frame")},
    }
    monkeypatch.setattr(inputs, "_constants", lambda _, kind: stated.get(kind, {}))
    monkeypatch.setattr(inputs.registry, "names", lambda _: ("chroma", "crnn", "mine"))
    found = Mistakes(tmp_path / "params.yaml", "models: {}")
    features, models = {"chroma": {}, "mine": {}}, {"crnn": {"input": "chroma"}}
    inputs.check_inputs({}, features, models | {"mine": {"input": "chroma"}}, found)
    inputs.check_inputs({}, features, {"crnn": {"input": "mine"}}, found)
    assert found.found == []


def test_no_file_says_where_to_run(tmp_path):
    with pytest.raises(SoundstageError, match="run in the project's folder"):
        params.load(tmp_path / "params.yaml")


def test_every_parameter_of_every_component_stands_in_the_file(change):
    """Nothing is left to a default that a reader of params.yaml cannot see."""
    loaded = change()
    for components in (loaded.features, loaded.models):
        for component in components.values():
            section = TEXT[TEXT.index(f"\n  {component.name}:") :]
            for name in component.arguments:
                assert re.search(rf"\b{name}: ", section), (component.name, name)
    assert loaded.top.training.model_fields_set == params.Shared.model_fields.keys()


def test_adams_epsilon_is_that_of_the_papers_library(change):
    """Paper 001 was done with torch, the others with Keras."""
    networks = [m for m in change().models.values() if m.training]
    torchs = {m.name for m in networks if m.training.eps == 1e-8}
    assert torchs == {"wave_cnn", "mel_rescnn", "wave_mel_cnn"}
    assert {m.training.eps for m in networks} == {1e-7, 1e-8}


@pytest.fixture
def trainings(tmp_path):
    """Return a function that loads a section `training` and more in the entry of stats_cnn."""
    text = re.sub(r"(?m)^training:.*\n(?: .*\n)*", "", TEXT)

    def load(shared, own=""):
        file = tmp_path / "params.yaml"
        entry = "epochs: 200, batch_size: 32"
        assert text.count(entry) == 1
        file.write_text(text.replace(entry, own + entry) + f"\ntraining: {{{shared}}}\n")
        models = params.load(file).models
        return models["stats_cnn"].training, models["mfcc_lstm"].training

    return load


def test_a_network_is_trained_as_all_are_unless_its_own_entry_says_otherwise(trainings):
    shared = "keep: last, patience: 9, clip_norm: 1.0, weight_decay: 1e-4, compile: true"
    one, other = trainings(shared, own="keep: best, patience: 0, ")
    assert (one.keep, one.patience, one.epochs) == ("best", 0, 200)
    assert (other.keep, other.patience, other.epochs) == ("last", 9, 100)
    for training in (one, other):
        assert (training.clip_norm, training.weight_decay, training.compile) == (1.0, 1e-4, True)
        with pytest.raises(ValueError, match="frozen"):
            training.epochs = 1


def test_all_mistakes_about_training_are_reported(trainings):
    with pytest.raises(SoundstageError) as caught:
        trainings(
            "keep: bets, patience: -1, weight_deacy: 0.1, precision: float16, data: gpu",
            own="clip_norm: -1.0, compile: 1, ",
        )
    lines = str(caught.value).splitlines()
    assert all(re.match(r"params\.yaml:\d+: ", line) for line in lines)
    assert {line.partition(": ")[2] for line in lines} == {
        "models.stats_cnn.training.clip_norm: must be greater than or equal to 0, got -1.0",
        "models.stats_cnn.training.compile: must be a boolean, got 1",
        "training.keep: must be 'best' or 'last', got 'bets'",
        "training.patience: must be greater than or equal to 0, got -1",
        "training.weight_deacy: no such parameter; did you mean 'weight_decay'?",
        "training.precision: must be 'float32' or 'bfloat16', got 'float16'",
        "training.data: must be 'auto', 'device' or 'host', got 'gpu'",
    }
