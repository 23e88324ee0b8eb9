"""Files to waveforms to features, in this process, on a folder of music."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest
import soundfile
from librosa.util.exceptions import ParameterError

from soundstage import audio, catalogue, params, paths, registry
from soundstage.errors import SoundstageError
from soundstage.extraction import decode, extract
from soundstage.listing import content_hash
from soundstage.store.read import open_store
from soundstage.store.shards import Shard

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path, music, monkeypatch):
    """Return a function that fetches, indexes and decodes a copy of the music."""
    root = tmp_path / "music"
    shutil.copytree(music, root)
    text = (PROJECT / "params.yaml").read_text()
    text = text.replace("dataset: demo ", "dataset: folder ").replace("root: null", f"root: {root}")
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "1")
    loaded = params.load()

    def run():
        catalogue.fetch(loaded.dataset)
        catalogue.index(loaded.dataset, loaded.top.labels)
        return decode(run.params, "pcm8")

    run.root, run.params = root, loaded
    return run


def test_the_store_holds_what_the_decoder_gives(run, limits):
    found = run()
    assert (found["listed"], found["accepted"], found["quarantined"]) == (31, 30, 1)
    assert found["reason"] == {"undecodable": 1}
    pcm8 = open_store(paths.STORE)["pcm8"]
    for file in sorted(run.root.rglob("middle*.*")):
        y = audio.decode(file, 16000, limits).y
        track = str(file.relative_to(run.root).with_suffix(""))
        np.testing.assert_array_equal(pcm8[track], audio.quantise(y, "int8"))


def test_what_eight_bits_cost_is_noted_of_each_track(run, limits):
    """The noise of rounding is spread evenly over a step: 1/12 of its square."""
    loud = run.root / "bass" / "loud.wav"
    t = np.arange(22050 * 2) / 22050
    soundfile.write(loud, 1.5 * np.sin(2 * np.pi * 440 * t), 22050, subtype="FLOAT")
    run()
    table = open_store(paths.STORE)["pcm8"].table()
    tone = run.root / "middle" / "middleists0" / "middle0.wav"
    [quiet] = table.filter(key=content_hash(tone)).iter_rows(named=True)
    y = audio.decode(tone, 16000, limits).y
    expected = 10 * np.log10(np.mean(np.square(y, dtype=float)) * 12 * 128**2)
    assert quiet["snr_db"] == pytest.approx(expected, abs=0.1)
    assert quiet["clipped"] == 0
    # A sine of 1.5 is beyond ±1 for this share of its time.
    share = 1 - 2 / np.pi * np.arcsin(1 / 1.5)
    [row] = table.filter(key=content_hash(loud)).iter_rows(named=True)
    assert row["clipped"] == pytest.approx(share, abs=0.01)


def test_quarantined_files_are_listed_and_known_ones_are_notes(run, monkeypatch, capsys):
    """Of two known faults one is broken and one is not; a limit of none allows what is known."""
    faults = {"bassists0/broken.mp3": "is no audio", "bass1.flac": "was cut"}
    known = catalogue.known
    monkeypatch.setattr(catalogue, "known", lambda: replace(known(), faults=faults))
    limits = run.params.top.decode.model_copy(update={"max_rejected_share": 0.0})
    monkeypatch.setattr(
        run, "params", replace(run.params, top=run.params.top.model_copy(update={"decode": limits}))
    )
    found = run()
    assert (found["quarantined"], found["expected"]) == (1, 1)
    table = pl.read_parquet(paths.QUARANTINE / "pcm8.parquet")
    assert table.select("path", "reason", "expected").rows() == [
        ("bass/bassists0/broken.mp3", "undecodable", True)
    ]
    said = capsys.readouterr().out
    assert "  note: known and broken: bass/bassists0/broken.mp3: undecodable: " in said
    assert "note: known to be broken (was cut), and readable: bass/bassists0/bass1.flac" in said
    assert "warning" not in said


def test_too_many_unknown_faults_are_an_error_and_still_listed(run):
    limits = run.params.top.decode.model_copy(update={"max_rejected_share": 0.01})
    top = run.params.top.model_copy(update={"decode": limits})
    catalogue.fetch(run.params.dataset)
    with pytest.raises(SoundstageError, match=r"1 of 31 files give no audio(.|\n)*broken\.mp3"):
        decode(replace(run.params, top=top), "pcm8")
    assert len(pl.read_parquet(paths.QUARANTINE / "pcm8.parquet")) == 1


def test_a_file_replaced_by_a_pipe_does_not_hang(run):
    catalogue.fetch(run.params.dataset)
    file = run.root / "bass" / "bassists1" / "bass2.wav"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(SoundstageError, match=r"bass2\.wav: changed since it was listed"):
        decode(run.params, "pcm8")


def test_a_feature_is_its_function_of_the_source_and_hands_rejections_on(run):
    run()
    extract(run.params, "psd")
    store = open_store(paths.STORE)
    assert store["psd"].members() == store["pcm8"].members()
    assert store["psd"].rejections() == store["pcm8"].rejections()
    arguments = run.params.features["psd"].arguments
    function = registry.component("features", "psd")
    expected = function(store["pcm8"]["bass/bassists1/bass2"], 16000, **arguments)
    np.testing.assert_array_equal(store["psd"]["bass/bassists1/bass2"], expected)
    assert store["psd"].index["source"] == "pcm8"


def test_a_feature_states_the_rate_of_the_source_that_it_was_made_from(run):
    """And not the one that params.yaml asks for by now, which the source does not have yet."""
    run()
    waveforms = dict(run.params.top.waveforms)
    waveforms["pcm8"] = waveforms["pcm8"].model_copy(update={"sr": 8000})
    top = run.params.top.model_copy(update={"waveforms": waveforms})
    extract(replace(run.params, top=top), "psd")
    store = open_store(paths.STORE)
    assert store["psd"].index["sample_rate"] == store["pcm8"].index["sample_rate"] == 16000


def test_no_feature_is_made_of_a_damaged_row(run):
    run()
    shard = next(open_store(paths.STORE)["pcm8"].shards())
    with h5py.File(shard.path) as file:
        place = file["data"].id.get_offset()
    content = bytearray(shard.path.read_bytes())
    content[place + 1000] ^= 1
    shard.path.write_bytes(content)
    with pytest.raises(SoundstageError, match=r"damaged, .*run `soundstage repair`"):
        extract(run.params, "psd")


def test_renaming_a_file_computes_nothing(run):
    run()
    before = {f.name: f.stat().st_ino for f in (paths.STORE / "pcm8").glob("*.h5")}
    file = run.root / "bass" / "bassists1" / "bass2.wav"
    file.rename(file.with_name("renamed.wav"))
    run()
    after = {f.name: f.stat().st_ino for f in (paths.STORE / "pcm8").glob("*.h5")}
    assert before == after
    assert len(open_store(paths.STORE)["pcm8"]["bass/bassists1/renamed"]) == round(3.2 * 16000)


def test_a_file_that_changes_after_the_listing_is_an_error(run):
    catalogue.fetch(run.params.dataset)
    (run.root / "bass" / "bassists1" / "bass2.wav").write_bytes(b"other")
    with pytest.raises(SoundstageError, match=r"bass2\.wav: changed since it was listed"):
        decode(run.params, "pcm8")


@pytest.mark.parametrize("verdict", ["accepted", "rejected"])
def test_a_file_that_is_replaced_while_it_is_decoded_is_an_error(run, monkeypatch, verdict):
    """Nothing of the other file may lie under the first one's content hash."""
    catalogue.fetch(run.params.dataset)
    file, other = run.root / "bass" / "bassists1" / "bass2.wav", run.root / "other"
    if verdict == "accepted":
        shutil.copy(run.root / "treble" / "trebleists0" / "treble0.wav", other)
    else:
        other.write_bytes(b"no music")
    decoded = audio.waveform

    def replacing(path, *arguments):
        if path == file:
            other.rename(file)
        return decoded(path, *arguments)

    monkeypatch.setattr(audio, "waveform", replacing)
    with pytest.raises(SoundstageError, match=r"bass2\.wav: changed since it was listed"):
        decode(run.params, "pcm8")
    key = pl.read_parquet(paths.FILES).filter(path="bass/bassists1/bass2.wav")["key"].item()
    kept = [Shard(path) for path in Path(".soundstage/shards").glob("*/[!.]*.h5")]
    assert not any(key in shard.keys or key in shard.rejections for shard in kept)


def test_new_labels_touch_no_listing_of_audio(run):
    run()
    table = pl.read_parquet(paths.FILES)
    assert table.columns == ["path", "size", "key", "reason"]
    before = paths.FILES.read_bytes()
    catalogue.fetch(run.params.dataset)
    assert paths.FILES.read_bytes() == before


@pytest.mark.parametrize(
    "error", [ValueError("too loud"), ParameterError("too loud"), ZeroDivisionError("too loud")]
)
def test_a_feature_that_fails_names_the_clip(run, monkeypatch, error):
    run()

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(registry.load("features", "psd"), "psd", refuse)
    said = rf"psd: [a-z]+/\w+/\w+\.(wav|flac): {type(error).__name__}: too loud; remove"
    with pytest.raises(SoundstageError, match=said):
        extract(run.params, "psd")


def test_warnings_of_a_file_are_kept_and_said_of_one_waveform(run, capsys):
    soundfile.write(run.root / "bass" / "silence.wav", np.zeros(22050), 22050)
    found = run()
    assert found["warning"] == {"silent": 1}
    table = pl.read_parquet(paths.WARNED / "pcm8.parquet")
    assert table.rows() == [("bass/silence.wav", "silent", "")]
    said = capsys.readouterr().out
    assert "warning: silent (1): is digital silence, or constant: bass/silence.wav; " in said
    assert "  warning: bass/bassists0/broken.mp3: undecodable: " in said
    decode(run.params, "audio16k")
    again = capsys.readouterr().out
    assert "silence.wav" not in again
    assert "quarantined 1 of 32 files, the same as pcm8" in again
    assert pl.read_parquet(paths.WARNED / "audio16k.parquet").equals(table)
