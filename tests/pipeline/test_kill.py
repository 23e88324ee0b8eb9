"""Killed at any moment, a run leaves no orphan, and the next loses only the shards in flight."""

import hashlib
import signal
import time

import psutil
import pytest

JOBS, CLIPS_PER_SHARD, CLIPS = 2, 4, 30


def processes(project):
    """Return the processes that run in the project's folder or a copy below it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(project.root)) and process.is_running():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def stage_process(project):
    return next(p for p in processes(project) if "stages/features.py" in p.cmdline())


def victim(project, what):
    stage = stage_process(project)
    if what == "stage":
        return stage
    if what == "worker":
        return next(p for p in stage.children() if "popen_loky" in " ".join(p.cmdline()))
    return next(p for p in stage.parents() if p.name() not in {"sh", "bash", "dash"})


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


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
    return {f.name: f.read_bytes() for f in (project.root / "data" / "store" / "slow").iterdir()}


def check_what_is_left(project):
    """Nobody is left; what was finished stays; going on costs the shards in flight at most."""
    wait_for(lambda: not [p for p in processes(project) if "stages/" in " ".join(p.cmdline())], 5)
    assert project.computed() <= project.at_death + JOBS + 1
    finished = shelf(project)
    before = project.computed()
    result = undisturbed(project)
    assert len(result) > 2
    assert project.computed() - CLIPS <= JOBS * CLIPS_PER_SHARD
    assert project.computed() > before
    for name, digest in finished.items():
        assert shelf(project)[name] == digest
    for name, content in result.items():
        if name.endswith(".h5"):
            stem = name.removesuffix(".h5")
            digest = hashlib.sha256(content).hexdigest()
            assert any(n.startswith(f"{stem}-") and digest in n for n in shelf(project))


RUN = {"workspace": ["repro"], "temp": ["exp", "run", "--temp"], "queue": ["exp", "run", "--queue"]}


def kill(slow, where, what):
    """Start a run, kill one of its processes in the middle; return what it said and its code."""
    command = ["dvc", *RUN[where], "features@slow"]
    if where == "queue":
        slow.run(*command)
        command = ["dvc", "queue", "start"]
    run = slow.start(*command)
    wait_for(lambda: slow.computed() >= 10)
    victim(slow, what).send_signal(signal.SIGKILL)
    slow.at_death = slow.computed()
    said, _ = run.communicate(timeout=60)  # a queue's worker holds the pipe until it ends
    if where != "queue":
        return said, run.returncode == 0
    status = slow.run("dvc", "queue", "status")
    said = slow.run("dvc", "queue", "logs", status.splitlines()[1].split()[0])
    return said, "Success" in status


@pytest.mark.parametrize("what", ["dvc", "stage"])
@pytest.mark.parametrize("where", RUN)
def test_a_killed_run_leaves_no_orphan_and_the_next_goes_on(slow, where, what):
    said, succeeded = kill(slow, where, what)
    assert not succeeded, said
    check_what_is_left(slow)


@pytest.mark.parametrize("where", RUN)
def test_a_killed_worker_does_not_end_the_run(slow, where):
    said, succeeded = kill(slow, where, "worker")
    assert succeeded, said
    # Each worker's unfinished shard, and the clips in hand once more, each alone.
    assert slow.computed() - CLIPS <= JOBS * CLIPS_PER_SHARD + JOBS
    before = slow.computed()
    assert len(undisturbed(slow)) > 2
    assert slow.computed() == before
