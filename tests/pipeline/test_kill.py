"""Killed at any moment, a run leaves no orphan, and the next loses only the shards in flight.

A handful; `python benchmarks/soak.py` kills hundreds of times, everything everywhere.
"""

import hashlib

import pytest
from killing import kill, orphans, wait_for

JOBS, CLIPS_PER_SHARD, CLIPS = 2, 4, 30


def shelf(project):
    """Return the finished shards of the slow feature, by name, with a digest of their bytes."""
    found = {}
    for folder in (project.root / ".soundstage" / "shards").iterdir():
        for shard in folder.glob("*.h5"):
            found[shard.name] = hashlib.sha256(shard.read_bytes()).hexdigest()
    return found


@pytest.fixture
def slow(project):
    project.environment["SOUNDSTAGE_JOBS"] = str(JOBS)
    project.add_slow_feature()
    project.commit("a slow feature")
    return project


def undisturbed(project):
    """Return the shards of a run that nobody disturbs, and check that it finishes."""
    project.run("dvc", "repro", "features@slow")
    return project.store("slow")


@pytest.mark.parametrize(
    ("where", "what"),
    [("workspace", "dvc"), ("workspace", "stage"), ("temp", "stage"), ("queue", "dvc")],
)
def test_a_killed_run_leaves_no_orphan_and_the_next_goes_on(slow, counted, where, what):
    said, succeeded, at_death, _ = kill(slow, where, what, clips=10)
    assert not succeeded, said
    wait_for(lambda: not orphans(slow), 5)
    assert slow.computed() <= at_death + JOBS + 1
    finished, before = shelf(slow), slow.computed()
    result = undisturbed(slow)
    assert len(result) > 2
    assert before < slow.computed() <= CLIPS + JOBS * CLIPS_PER_SHARD
    after = shelf(slow)
    assert finished.items() <= after.items()
    calm = counted.store("slow")  # it took no time, but its shards are the same
    assert {k: v for k, v in result.items() if k.endswith(".h5")} == {
        k: v for k, v in calm.items() if k.endswith(".h5")
    }


@pytest.mark.parametrize("where", ["workspace", "queue"])
def test_a_killed_worker_does_not_end_the_run(slow, where):
    said, succeeded, *_ = kill(slow, where, "worker", clips=10)
    assert succeeded, said
    # Each worker's unfinished shard, and the clips in hand once more, each alone.
    assert slow.computed() <= CLIPS + JOBS * CLIPS_PER_SHARD + JOBS
    before = slow.computed()
    assert len(undisturbed(slow)) > 2
    assert slow.computed() == before
