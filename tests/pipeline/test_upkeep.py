"""verify, repair, why, store and gc on a store that DVC built."""

import shutil

import h5py
import numpy as np
import polars as pl
import yaml
from damage import flip


def clean(project):
    """Return whether DVC finds nothing changed but the listing, which always runs."""
    said = project.run("dvc", "status")
    return "always changed" in said and "modified" not in said and "deleted" not in said


def test_an_undamaged_store_verifies(counting):
    said = counting.run("soundstage", "verify")
    assert "all as written" in said
    assert "all as written" in counting.run("soundstage", "repair")


def test_what_is_flipped_is_found_and_mended_everywhere(counting):
    store = counting.root / "data" / "store"
    before = counting.store()
    shard = sorted((store / "slow").glob("*.h5"))[0]
    with h5py.File(shard) as file:
        row = file["data"].id.get_offset() + int(file["offset"][1]) * 4 + 17
        key = file["key"][1].decode()
    header = sorted((store / "psd").glob("*.h5"))[1]
    table = sorted((store / "librosa_stats").glob("*.parquet"))[2]
    attributes = sorted((store / "pcm8").glob("*.h5"))[3]
    with h5py.File(attributes) as file:
        rms = file["attributes/rms"].id.get_offset() + 3
    index = store / "pcm8" / "index.json"  # which could tell that the attributes are wrong
    shelf = sorted((counting.root / ".soundstage" / "shards").glob("*/[!.]*"))
    assert clean(counting)
    for path, at in [(shard, row), (header, 60), (table, 700), (attributes, rms), (index, 333)]:
        flip(path, at)
    assert clean(counting)  # DVC looks at inodes, times and sizes

    said = counting.run("soundstage", "verify", code=1)
    for path in (shard, header, table, index):
        assert f"{path.relative_to(counting.root)}: damaged" in said
    # Of `attributes` the folder's index can tell nothing any more; the shelf's name can.
    assert said.count("/.soundstage/shards/") == 4
    assert f"(rows of {key})" in said
    counting.run("soundstage", "repair")
    assert counting.computed() == 1
    assert counting.store() == before
    assert sorted((counting.root / ".soundstage" / "shards").glob("*/[!.]*")) == shelf
    counting.run("dvc", "checkout")
    assert "all as written" in counting.run("soundstage", "verify")
    assert counting.store() == before
    assert clean(counting)
    assert not counting.run("git", "status", "--porcelain")


def test_any_byte_of_any_file_counts(counting):
    rng = np.random.default_rng(0)
    files = sorted((counting.root / "data" / "store").glob("*/[!.]*"))
    chosen = [files[i] for i in rng.choice(len(files), 20, replace=False)]
    before = counting.store()
    for path in chosen:
        flip(path, int(rng.integers(path.stat().st_size)))
    said = counting.run("soundstage", "verify", code=1)
    # A folder whose index is damaged has nothing to compare its shards with; the shelf has.
    for path in chosen:
        digest_lost = path.parent / "index.json" in chosen
        assert digest_lost or f"{path.relative_to(counting.root)}: damaged" in said
    counting.run("soundstage", "repair")
    assert counting.store() == before


def test_damage_outside_the_store_is_removed_for_dvc_to_make_again(counting):
    view = counting.root / "data" / "views" / "svm.parquet"
    before = view.read_bytes()
    flip(view, 400)
    said = counting.run("soundstage", "verify", code=1)
    assert "data/views/svm.parquet: damaged; " in said
    assert "removed: data/views/svm.parquet; run `dvc repro`" in counting.run(
        "soundstage", "repair", code=1
    )
    said = counting.run("dvc", "repro")
    assert counting.stages_run(said) == {"fetch", "views@svm"}
    assert view.read_bytes() == before


def test_what_git_keeps_comes_from_the_last_commit(counting):
    metrics = counting.root / "metrics" / "test.json"
    before = metrics.read_bytes()
    flip(metrics, 40)
    said = counting.run("soundstage", "verify", code=1)
    assert "metrics/test.json: damaged; `git checkout metrics/test.json` brings it back" in said
    assert "metrics/test.json: mended" in counting.run("soundstage", "repair")
    assert metrics.read_bytes() == before
    lock = counting.root / "dvc.lock"
    lock.write_text("<<<<<<< HEAD\n" + lock.read_text())
    for command in ("verify", "repair", "gc"):
        said = counting.run("soundstage", command, code=1)
        assert "dvc.lock: cannot be read by DVC" in said
        assert "run `git checkout dvc.lock`" in said
        assert "unexpected" not in said


def test_a_damaged_shard_of_a_folder_that_is_not_there_is_removed_and_nothing_built(counting):
    before = counting.store("slow")
    folder = counting.root / "data" / "store" / "slow"
    content = sorted(folder.glob("*.h5"))[0].read_bytes()
    [shard] = (
        path
        for path in (counting.root / ".soundstage" / "shards").glob("*/*.h5")
        if path.read_bytes() == content
    )
    shutil.rmtree(folder)
    flip(shard, len(content) // 2)
    counting.run("soundstage", "verify", code=1)
    assert f"{shard.name}: removed" in counting.run("soundstage", "repair")
    assert not folder.exists()
    assert not shard.exists()
    assert counting.computed() == 0
    counting.run("dvc", "repro", "features@slow")
    assert counting.store("slow") == before


def test_why_names_what_makes_a_track_stale(counting):
    track = "bass/bassists1/bass2"
    said = counting.run("soundstage", "why", track)
    assert said.count("up to date") == len(said.splitlines())
    said = counting.run("soundstage", "why", "bass/bassists0/broken", "psd")
    assert said.count("quarantined (undecodable)") == 2

    file = counting.root / "src" / "soundstage" / "features" / "slow.py"
    file.write_text(file.read_text().replace("import time\n", "import time\n\n# wait\n"))
    assert "slow: up to date" in counting.run("soundstage", "why", track, "slow")
    file.write_text(file.read_text().replace("[:sr]", "[: sr // 2]"))
    said = counting.run("soundstage", "why", track, "slow")
    assert "slow: code features/slow.py: has changed" in said
    assert "pcm8: up to date" in said

    counting.replace("n_fft: 2048", "n_fft: 1024")
    assert "parameter n_fft: 2048 -> 1024" in counting.run("soundstage", "why", track)

    counting.replace("max_seconds: 3600.0", "max_seconds: 1800.0")
    said = counting.run("soundstage", "why", track, "mel")
    assert "audio22k: parameter max_seconds: 3600.0 -> 1800.0" in said
    assert "its source audio22k is stale" in said
    assert "did you mean 'bass/bassists1/bass2'" in counting.run(
        "soundstage", "why", track + "x", code=1
    )


def test_store_lists_what_there_is(counting):
    counting.replace("nperseg: 256", "nperseg: 128")
    lines = {line.split()[0]: line for line in counting.run("soundstage", "store").splitlines()[1:]}
    assert "30" in lines["slow"]
    assert "up to date" in lines["slow"]
    assert "parameter nperseg: 256 -> 128" in lines["psd"]
    listing = counting.root / "data" / "files.parquet"
    files = pl.read_parquet(listing)
    listing.unlink()  # a link to what DVC's cache holds
    files.head(20).write_parquet(listing)
    said = counting.run("soundstage", "store")
    assert f"of {files['key'].n_unique()} clips, where 20 are listed" in said


def test_gc_removes_what_nothing_needs_and_nothing_else(counting):
    shelves = counting.root / ".soundstage" / "shards"
    committed = {f.name for f in shelves.iterdir()}
    counting.replace("slow, source: pcm8, seconds: 0.0", "slow, source: pcm8, seconds: 0.001")
    counting.run("dvc", "repro", "features@slow")
    passing = {f.name for f in shelves.iterdir()} - committed
    counting.replace("slow, source: pcm8, seconds: 0.001", "slow, source: pcm8, seconds: 0.002")
    counting.run("dvc", "repro", "features@slow")
    now = {f.name for f in shelves.iterdir()}
    said = counting.run("soundstage", "gc", "--dry-run")
    assert [line.split()[0] for line in said.splitlines() if " shards " in line] == [
        name[:12] for name in passing
    ]
    assert {f.name for f in shelves.iterdir()} == now
    counting.run("soundstage", "gc", "--yes")
    assert {f.name for f in shelves.iterdir()} == now - passing
    assert "all as written" in counting.run("soundstage", "verify")
    before = counting.computed()
    counting.run("git", "checkout", "params.yaml", "dvc.lock")
    counting.run("dvc", "repro", "features@slow")
    assert counting.computed() == before


def test_gc_keeps_what_an_earlier_commit_and_an_experiment_need(counting):
    shelves = counting.root / ".soundstage" / "shards"
    counting.replace("slow, source: pcm8, seconds: 0.0", "slow, source: pcm8, seconds: 0.001")
    counting.run("dvc", "repro", "features@slow")
    counting.commit("another feature")
    change = "features.slow.seconds=0.002"
    counting.run("dvc", "exp", "run", "-S", change, "features@slow")
    counting.run("git", "checkout", "params.yaml", "dvc.lock")
    counting.run("dvc", "repro", "features@slow")
    before = {f.name for f in shelves.iterdir()}
    assert "every finished shard is needed" in counting.run("soundstage", "gc", "--yes")
    counting.run("dvc", "exp", "remove", "-A")
    counting.run("soundstage", "gc", "--yes")
    assert len(before - {f.name for f in shelves.iterdir()}) == 1


def listing(project, folder):
    """Return the object of DVC's cache that lists an output's files."""
    out = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"][folder]["outs"][0]
    return project.root / ".dvc/cache/files/md5" / out["md5"][:2] / out["md5"][2:]


def test_what_only_an_earlier_commit_needs_is_verified_too(counting):
    before = counting.store("slow")
    slow = counting.root / "data" / "store" / "slow"
    shard = sorted(slow.glob("*.h5"))[0]
    inode, of_listing = shard.stat().st_ino, listing(counting, "features@slow")
    with h5py.File(shard) as file:
        n_rows = len(file["key"])
    counting.replace("y[:sr]", "y[: sr // 2]", "src/soundstage/features/slow.py")
    counting.run("dvc", "repro", "features@slow")
    counting.commit("another feature")
    cache = (counting.root / ".dvc/cache/files/md5").glob("*/*")
    old = next(path for path in cache if path.stat().st_ino == inode)
    flip(old, 60)
    flip(of_listing, 9)
    assert f"{of_listing}: damaged" in counting.run("soundstage", "gc", "--dry-run", code=1)
    said = counting.run("soundstage", "verify", code=1)
    assert f"{old}: damaged" in said
    assert f"{of_listing}: damaged" in said
    assert "`dvc fetch`, or a run of its commit, brings it back" in counting.run(
        "soundstage", "repair"
    )
    assert "all as written" in counting.run("soundstage", "verify")
    computed = counting.computed()
    counting.run("git", "checkout", "HEAD^", "src", "dvc.lock")
    counting.run("dvc", "repro", "features@slow")
    assert counting.computed() == computed + n_rows
    assert counting.store("slow") == before


def test_in_a_fresh_clone_only_the_damaged_row_is_computed_again(counting, tmp_path):
    counting.publish(tmp_path / "remote")
    fresh = counting.clone(tmp_path / "fresh")
    fresh.run("dvc", "pull", "-q")
    before = fresh.store()
    shard = sorted((fresh.root / "data" / "store" / "slow").glob("*.h5"))[0]
    with h5py.File(shard) as file:
        assert len(file["key"]) > 1
        row = file["data"].id.get_offset() + int(file["offset"][1]) * 4 + 17
    flip(shard, row)
    shutil.rmtree(tmp_path / "remote")
    fresh.run("soundstage", "verify", code=1)
    fresh.run("soundstage", "repair")
    assert fresh.computed() == 1
    assert fresh.store() == before
    assert "all as written" in fresh.run("soundstage", "verify")


def test_a_word_of_the_index_may_be_hit_anywhere(counting):
    index = counting.root / "data" / "store" / "mel" / "index.json"
    before = index.read_bytes()
    for at in (before.index(b"format"), before.index(b"{"), before.rindex(b"checksum")):
        flip(index, at)
        said = counting.run("soundstage", "verify", code=1)
        assert "data/store/mel/index.json: damaged" in said
        flip(index, at)
    assert index.read_bytes() == before


def test_gc_does_not_guess(counting):
    counting.replace("slow, source: pcm8, seconds: 0.0", "slow, source: pcm8, seconds: 0.001")
    for seconds in ("0.001", "0.002"):
        counting.replace("seconds: 0.001", f"seconds: {seconds}")
        counting.run("dvc", "repro", "features@slow")
    assert "say --yes or --dry-run" in counting.run("soundstage", "gc", code=1)
