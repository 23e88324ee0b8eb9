"""What the store promises when DVC builds it: the same bytes, one copy, no needless work."""

import hashlib
import shutil
from pathlib import Path

import polars as pl
from project import Project

from soundstage.store.read import Feature
from soundstage.store.shards import Shard

NAMES = ("audio22k", "mel", "librosa_stats")


def test_another_place_and_other_jobs_give_the_same_bytes(finished, music, tmp_path):
    copy = shutil.copytree(music, tmp_path / "music")
    elsewhere = Project.on(tmp_path / "elsewhere", copy, clips_per_shard=4)
    elsewhere.environment["SOUNDSTAGE_JOBS"] = "1"
    elsewhere.run("dvc", "repro", "features@mel", "features@librosa_stats")
    assert elsewhere.store(*NAMES) == finished.store(*NAMES)


def test_the_disk_holds_one_copy(finished):
    for shard in (finished.root / "data" / "store").glob("*/*"):
        if shard.name != "index.json":
            # Its names: in the store, on the shelf, and in DVC's cache.
            assert shard.stat().st_nlink >= 3, shard


def test_code_counts_and_comments_do_not(counting):
    before = counting.store("slow")
    file = counting.root / "src" / "soundstage" / "features" / "slow.py"
    file.write_text(file.read_text().replace("import time\n", "import time  # to wait\n"))
    said = counting.run("dvc", "repro", "features@slow")
    assert "features@slow" in counting.stages_run(said)  # DVC sees another file
    assert counting.computed() == 0
    assert counting.store("slow") == before
    file.write_text(file.read_text().replace("y[:sr]", "y[: sr // 2]"))
    counting.run("dvc", "repro", "features@slow")
    assert counting.computed() == 30


def test_code_counts_wherever_a_feature_has_it_from(counting):
    package = counting.root / "src" / "soundstage"
    feature, helper = package / "features" / "slow.py", package / "helper.py"
    helper.write_text("GAIN = 1\n")
    text = feature.read_text().replace(
        "import numpy", "from soundstage.helper import GAIN\nimport numpy"
    )
    feature.write_text(text.replace("return y[:sr]", "return GAIN * y[:sr]"))
    counting.run("dvc", "repro", "features@slow")
    assert counting.computed() == 30
    helper.write_text("GAIN = 2\n")
    counting.run("dvc", "repro", "features@slow")
    assert counting.computed() == 60


def test_a_feature_that_kills_its_process_names_the_track_and_keeps_the_others(counting):
    counting.environment["SOUNDSTAGE_JOBS"] = "2"
    feature = Feature(counting.root / "data" / "store" / "pcm8")
    deadly = hashlib.sha256(feature["bass/bassists3/bass6"].tobytes()).hexdigest()
    file = counting.root / "src" / "soundstage" / "features" / "slow.py"
    trap = (
        "    import hashlib, signal\n"
        f"    if hashlib.sha256(y.tobytes()).hexdigest() == {deadly!r}:\n"
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    sound = file.read_text()
    file.write_text(sound.replace("    time.sleep", trap + "    time.sleep"))
    said = counting.run("dvc", "repro", "features@slow", code=255)
    assert "slow: bass/bassists3/bass6.wav: the process that computes it dies, also alone" in said
    assert "Traceback" not in said
    shelves = (counting.root / ".soundstage" / "shards").iterdir()
    newest = max(shelves, key=lambda folder: folder.stat().st_mtime)
    assert any(len(Shard(shard).keys) > 1 for shard in newest.glob("*.h5"))  # not a second look's


def test_a_file_that_kills_its_decoder_is_decoded_alone_or_quarantined(counting):
    """First libav dies of it and the binary does not, then both."""
    counting.environment["SOUNDSTAGE_JOBS"] = "2"
    before = counting.store("pcm8")
    trap = (
        "    import os, signal\n"
        '    if path.name == "bass6.wav":\n'
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    for file, line in (
        ("libav.py", "    deadline = "),
        ("binary.py", "    allowed = "),
    ):
        counting.replace(line, trap + line, f"src/soundstage/{file}")
        counting.run("dvc", "repro", "decode@pcm8")
        folder = Path(counting.root, "data/store/pcm8")
        crashed = {k for k, r in Feature(folder).rejections().items() if r.reason == "crashed"}
        if file == "libav.py":
            assert not crashed
            assert shards(counting.store("pcm8")) == shards(before)
    table = pl.read_parquet(counting.root / "data/quarantine/pcm8.parquet")
    found = table.filter(reason="crashed")
    assert found["path"].to_list() == ["bass/bassists3/bass6.wav"]
    assert set(found["key"]) == crashed


def shards(files):
    return {name: data for name, data in files.items() if name.endswith(".h5")}


def test_a_full_disk_is_named_and_the_next_run_completes(counting):
    """No file may grow beyond 4 kB: shards and tables are refused, in worker processes too."""
    counting.environment["SOUNDSTAGE_JOBS"] = "2"
    before = counting.store("pcm8", "psd", "librosa_stats")
    commands = ["decode.py pcm8", "features.py psd", "features.py librosa_stats"]
    for folder in ("pcm8", "psd", "librosa_stats"):
        shutil.rmtree(counting.root / "data" / "store" / folder)
    for folder in (".soundstage/shards", ".dvc/cache"):  # where shards could be had from
        shutil.rmtree(counting.root / folder)
    for command in commands:
        full = f"ulimit -f 4; python stages/{command}"
        said = counting.run("bash", "-c", full, code=1)
        assert "error: cannot write " in said
        assert "make room and run again: finished shards are kept" in said
        assert "Traceback" not in said
        counting.run("python", "stages/" + command.split()[0], command.split()[1])
    assert counting.store("pcm8", "psd", "librosa_stats") == before
