import hashlib
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import psutil
import pytest
from computing import (
    DESCRIPTION,
    Compute,
    DeadOnArrival,
    Die,
    DieBesideLate,
    Exit,
    Fail,
    Late,
    Slow,
    content,
    keys,
)

from soundstage.errors import SoundstageError
from soundstage.store import shards
from soundstage.store.build import build
from soundstage.store.partition import partition
from soundstage.store.read import Feature
from soundstage.store.shards import Rejection, Row, Shard


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that builds a folder, and tells it and the number of rows computed."""
    log = tmp_path / "log"

    def run(
        n, *, folder="store", jobs=1, compute=None, description=DESCRIPTION, order=1, cache="c",
        **others,
    ):  # fmt: skip
        monkeypatch.setenv("SOUNDSTAGE_JOBS", str(jobs))
        log.mkdir(exist_ok=True)
        before = len(list(log.iterdir()))
        build(
            tmp_path / folder,
            description,
            keys(n)[::order],
            compute or Compute(log),
            clips_per_shard=4,
            cache=tmp_path / cache,
            **others,
        )
        return tmp_path / folder, len(list(log.iterdir())) - before

    run.log = log
    return run


def test_every_key_has_a_row_or_a_reason(make):
    folder, computed = make(40)
    feature = Feature(folder)
    assert computed == 40
    assert feature.members() == sorted(keys(40))
    assert set(feature.rejections()) == {k for k in keys(40) if k.startswith("0")}
    for key in set(keys(40)) - feature.rejections().keys():
        assert feature[key].tolist() == [int(key[1], 16)] * int(key[0], 16)


def test_bytes_do_not_depend_on_jobs_order_or_cache(make):
    one, _ = make(40)
    two, _ = make(40, folder="other", jobs=2, order=-1, cache="c2")
    assert content(one) == content(two)


def test_a_second_build_computes_nothing_and_links(make):
    first, _ = make(40)
    second, computed = make(40, folder="again")
    assert computed == 0
    shards = [f for f in first.iterdir() if f.suffix == ".h5"]
    assert all(f.stat().st_ino == (second / f.name).stat().st_ino for f in shards)


def test_one_more_track_costs_one_extraction_and_leaves_other_shards(make):
    before, _ = make(40)
    after, computed = make(41, folder="after")
    assert computed == 1
    old, new = (partition(keys(n), 4) for n in (40, 41))
    for prefix in old.keys() & new.keys():
        if old[prefix] == new[prefix]:
            name = f"{prefix}.h5"
            assert (before / name).stat().st_ino == (after / name).stat().st_ino
    afresh, _ = make(41, folder="afresh", cache="c2")
    assert content(after) == content(afresh)


def test_removing_tracks_computes_nothing(make):
    make(41)
    after, computed = make(30, folder="after")
    assert computed == 0
    afresh, _ = make(30, folder="afresh", cache="c2")
    assert content(after) == content(afresh)


def test_another_fingerprint_computes_anew(make):
    make(10)
    _, computed = make(10, description=replace(DESCRIPTION, parameters={"n": 2}))
    assert computed == 10


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failure_keeps_finished_shards_and_a_rerun_goes_on(make, jobs):
    last = list(partition(keys(40), 4).values())[-1][-1]
    with pytest.raises(SoundstageError, match="that one"):
        make(40, jobs=jobs, compute=Fail(make.log, last))
    folder, computed = make(40)
    assert computed <= 4 * jobs
    assert content(folder) == content(make(40, folder="afresh", cache="c2")[0])


LAST = list(partition(keys(40), 4).values())[-1][-1]


def test_a_worker_that_dies_is_not_the_end(make):
    folder, computed = make(40, jobs=2, compute=Die(make.log, LAST, once=True))
    assert Die(make.log).died.exists()
    assert computed <= 40 + 2 * 4 + 2
    assert content(folder) == content(make(40, folder="afresh", cache="c2")[0])


def quarantine(key):
    return Rejection(key, "crashed", "kills whoever computes it")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_clip_that_kills_again_is_quarantined_and_no_other(make, jobs):
    if jobs == 1:  # the process that builds dies itself, and the next one knows of what
        build = partial(make, 40, compute=Die(make.log, LAST), crashed=quarantine)
        dying = multiprocessing.get_context("fork").Process(target=build)
        dying.start()
        dying.join()
        assert dying.exitcode == -signal.SIGSEGV
    folder, _ = make(40, jobs=jobs, compute=Die(make.log, LAST), crashed=quarantine)
    assert Feature(folder).rejections()[LAST] == quarantine(LAST)
    afresh = Feature(make(40, folder="afresh", cache="c2")[0])
    for key in set(afresh.members()) - afresh.rejections().keys() - {LAST}:
        np.testing.assert_array_equal(Feature(folder)[key], afresh[key])


def test_the_second_look_may_take_another_way(make):
    folder, _ = make(40, jobs=2, compute=Die(make.log, LAST), alone=Compute(make.log))
    assert content(folder) == content(make(40, folder="afresh", cache="c2")[0])


def test_a_clip_that_kills_again_is_an_error_that_names_it_and_a_rerun_goes_on(make):
    with pytest.raises(SoundstageError, match=f"clip {LAST}: the process that computes it dies"):
        make(40, jobs=2, compute=Die(make.log, LAST))
    folder, computed = make(40)
    assert computed <= 8
    assert content(folder) == content(make(40, folder="afresh", cache="c2")[0])


def test_a_clip_that_crashes_and_then_times_out_alone_has_timed_out(make):
    """It is not tried a third time, which would end the workers again, but in the next run."""
    build = partial(make, 40, jobs=2, compute=Die(make.log, LAST), crashed=quarantine)
    folder, _ = build(alone=Late(make.log, LAST))
    assert Feature(folder).rejections()[LAST].reason == "timeout"
    assert LAST not in Feature(make(40, folder="again")[0]).rejections()


def test_a_slow_clip_does_not_crash_because_others_do(make):
    """Two clips that do end its worker twice while it is in hand."""
    one, two, three = list(partition(keys(40), 4).values())[:3]
    late, deadly = one[-1], (two[0], three[0])
    compute = DieBesideLate(make.log, late, deadly)
    folder, _ = make(40, jobs=2, compute=compute, crashed=quarantine)
    reasons = {key: why.reason for key, why in Feature(folder).rejections().items()}
    assert [reasons[key] for key in (late, *deadly)] == ["timeout", "crashed", "crashed"]


def test_an_error_of_the_second_look_is_the_builds(make):
    with pytest.raises(SoundstageError, match="that one"):
        make(40, jobs=2, compute=Die(make.log, LAST), alone=Fail(make.log, LAST))


def test_a_clip_that_makes_its_process_exit_has_crashed(make):
    folder, _ = make(40, jobs=2, compute=Exit(make.log, LAST), crashed=quarantine)
    assert Feature(folder).rejections()[LAST] == quarantine(LAST)


def test_damage_is_not_copied_along(make, tmp_path):
    """Attributes and reasons have no checksum of their own: only a whole file is a source."""
    make(40, cache="c")
    damaged = 0
    for shard in (tmp_path / "c" / "shards").glob("*/*.h5"):
        damaged += shard.read_bytes().count(b"has none")
        shard.write_bytes(shard.read_bytes().replace(b"has none", b"has nine"))
    assert damaged
    grown, _ = make(60, folder="grown", cache="c")
    assert content(grown) == content(make(60, folder="afresh", cache="c2")[0])


def test_a_second_look_that_is_killed_from_outside_is_no_verdict(make):
    die = Die(make.log, LAST, by=signal.SIGKILL)
    with pytest.raises(SoundstageError, match="was killed"):
        make(40, jobs=2, compute=die, crashed=quarantine)
    assert LAST not in Feature(make(40)[0]).rejections()


def test_a_worker_that_dies_before_its_first_clip_is_replaced(make):
    folder, computed = make(40, jobs=2, compute=DeadOnArrival(make.log, once=True))
    assert make.log.with_name("died").exists()
    assert computed <= 40 + 2 * 4 + 2  # a worker that had begun ends with the other
    assert content(folder) == content(make(40, folder="afresh", cache="c2")[0])


def test_a_worker_that_hangs_at_the_end_does_not_hang_the_build(make):
    """One that is killed while it waits for more leaves the others waiting for its lock."""

    def stop(_shard):
        for process in psutil.Process().children():
            if "LokyProcess" in " ".join(process.cmdline()):
                process.suspend()
                stopped.append(process)
        return 0.0

    stopped = []
    make(4, jobs=2, seconds=stop)  # one shard: the callback comes when all is computed
    assert stopped
    left = [p for p in stopped if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    for process in left:
        process.kill()
    assert not left


def test_workers_that_always_die_before_their_first_clip_are_an_error(make):
    with pytest.raises(SoundstageError, match="die with no clip in hand"):
        make(40, jobs=2, compute=DeadOnArrival(make.log))


def test_what_a_killed_run_left_is_swept(make, tmp_path):
    shelf = tmp_path / "c" / "shards" / DESCRIPTION.fingerprint
    shelf.mkdir(parents=True)
    stem = f".999999999.0110-{'a' * 16}.h5"
    torn = [shelf / name for name in (".x.h5.999999999.tmp", stem, f".{stem}.999999999.tmp")]
    alive, fresh = shelf / f".x.h5.{os.getpid()}.tmp", shelf / ".y.h5.999999998.tmp"
    for file in [*torn, alive, fresh]:
        file.write_bytes(b"torn")
    for file in [*torn, alive]:
        os.utime(file, times=(time.time() - 4000,) * 2)
    make(10)
    assert not any(file.exists() for file in torn)
    assert alive.exists()
    assert fresh.exists()  # perhaps of a process of another host


def test_a_committed_shard_that_is_none_is_left_out(make, tmp_path, capsys):
    folder, _ = make(40)
    copies = tmp_path / "copies"
    copies.mkdir()
    whole, broken, *others = sorted(folder.glob("*.h5"))
    for shard in (whole, broken, *others):
        (copies / shard.name).write_bytes(shard.read_bytes())
    (copies / broken.name).write_bytes(b"nonsense")
    other = replace(DESCRIPTION, axes=("a", "b"), dtype="int64")
    rows = [Row(key, np.zeros((1, 2), np.int64)) for key in Feature(folder).shard_of(LAST).keys]
    strange = copies / Feature(folder).shard_of(LAST).path.name
    shards.write(strange, rows, [], dtype=other.dtype, axes=other.axes)
    again, computed = make(
        40, folder="again", cache="c2", committed=lambda _: sorted(copies.glob("*.h5"))
    )
    assert content(again) == content(folder)
    lost = Shard(broken)
    assert computed == len(lost.keys) + len(lost.rejections) + len(
        Feature(folder).shard_of(LAST).members()
    )
    said = capsys.readouterr().out
    assert f"{broken.name}: not a readable shard" in said
    assert f"{strange.name}, committed, holds other rows" in said


def test_index_describes_the_folder(make):
    folder, _ = make(40)
    index = Feature(folder).index
    assert index["name"] == "length"
    assert index["axes"] == ["sample"]
    assert sum(entry["rows"] + entry["rejected"] for entry in index["shards"]) == 40
    for entry in index["shards"]:
        digest = hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest()
        assert entry["sha256"] == digest


def test_a_timeout_is_tried_again_and_other_rejections_are_not(make):
    late = next(key for key in sorted(keys(40)) if not key.startswith("0"))
    folder, _ = make(40, compute=Late(make.log, late))
    assert Feature(folder).rejections()[late].reason == "timeout"
    folder, computed = make(40, folder="again")
    assert computed == 1
    assert late not in Feature(folder).rejections()
    assert content(folder) == content(make(40, folder="afresh", cache="c2")[0])


def test_of_all_workers_one_makes_its_first_row_alone(make):
    make(40, jobs=2, compute=Slow(make.log))
    starts = sorted(int(f.name.partition(".")[2]) for f in make.log.iterdir())
    assert starts[1] - starts[0] >= Slow.SECONDS * 1e9
    assert min(b - a for a, b in pairwise(starts[1:])) < Slow.SECONDS * 1e9
