"""Every kind of awkward file gets its verdict, and none hangs, leaks or alters another's row."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import hostile
import numpy as np
import polars as pl
import pytest
import soundfile
from hostile import KINDS, LYING_HEADERS, NAMES, Accepted
from sounds import SR, patched, sound, wav

from soundstage import audio, catalogue, libav, params, paths
from soundstage.extraction import decode
from soundstage.listing import ignored, list_files
from soundstage.store.read import Feature

PROJECT = Path(__file__).parents[1]
PLAIN = [name for name, kind in KINDS.items() if kind.verdict == Accepted()][::3]


@pytest.fixture(scope="module")
def hasty(limits):
    return replace(limits, max_seconds=hostile.MAX_SECONDS, min_seconds=0.1)


def run(project, music):
    """Fetch and decode a folder as the pipeline does, in a project folder of its own."""
    project.mkdir()
    text = (PROJECT / "params.yaml").read_text()
    for old, new in {
        "dataset: demo ": "dataset: folder ",
        "root: null": f"root: {music}",
        "max_seconds: 3600.0": f"max_seconds: {hostile.MAX_SECONDS}.0",
        "max_rejected_share: 0.1": "max_rejected_share: 0.9",
    }.items():
        assert old in text
        text = text.replace(old, new)
    (project / "params.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.delenv("DVC_ROOT", raising=False)
        patch.setenv("SOUNDSTAGE_JOBS", "1")
        loaded = params.load()
        catalogue.fetch(loaded.dataset)
        return decode(loaded, "pcm8")


def write_all(root):
    (root / "music" / "kinds").mkdir(parents=True)
    (root / "plain" / "kinds").mkdir(parents=True)
    for name, kind in KINDS.items():
        (root / "music" / "kinds" / name).write_bytes(kind.content())
    for name in PLAIN:
        (root / "plain" / "kinds" / name).hardlink_to(root / "music" / "kinds" / name)
    run(root / "project", root / "music")
    run(root / "calm", root / "plain")


@pytest.fixture(scope="module")
def root(once):
    return once("hostile", write_all)


@pytest.fixture(scope="module")
def verdicts(root):
    """The name of every file -> its reason, or its row."""
    files = pl.read_parquet(root / "project" / paths.FILES)
    table = pl.read_parquet(root / "project" / paths.QUARANTINE / "pcm8.parquet")
    rows = files.join(Feature(root / "project" / paths.STORE / "pcm8").table(), on="key")
    rejected = {Path(row["path"]).name: row["reason"] for row in table.iter_rows(named=True)}
    return rejected | {Path(row["path"]).name: row for row in rows.iter_rows(named=True)}


@pytest.mark.parametrize("name", KINDS)
def test_all_of_the_audio_or_a_reason(verdicts, name):
    verdict, expected = verdicts[name], KINDS[name].verdict
    if isinstance(expected, str):
        assert verdict == expected
        return
    assert not isinstance(verdict, str), verdict
    assert verdict["shape"][0] / SR == pytest.approx(expected.seconds, abs=expected.within, rel=0)
    assert verdict["channels"] == expected.channels
    assert {name for name in audio.WARNINGS if verdict[name]} == expected.warnings


def test_one_bad_file_changes_no_other_row(root):
    store, calm = (Feature(root / where / paths.STORE / "pcm8") for where in ("project", "calm"))
    assert len(calm) > 10
    among = store.table().filter(pl.col("key").is_in(calm.members()))
    assert among.equals(calm.table())


def test_both_ways_agree_where_the_fast_one_is_in_no_doubt(root, hasty):
    binary, agreed = replace(hasty, in_process=False), 0
    for name, kind in KINDS.items():
        file = root / "music" / "kinds" / name
        if "twenty" in name or not isinstance(kind.verdict, Accepted):
            continue
        try:
            libav.decode(file, SR, max_seconds=60, timeout_seconds=30)
        except libav.DoubtfulError:
            continue
        fast, sure = audio.decode(file, SR, hasty), audio.decode(file, SR, binary)
        np.testing.assert_array_equal(fast.y, sure.y)
        assert fast[1:] == sure[1:]
        agreed += 1
    assert agreed > 25


SECRET = sound("WAV", seconds=1)[:32_000]


@pytest.fixture
def pipe(tmp_path):
    """A pipe `secret.wav` with a WAV file in it, of which somebody who opens it takes some."""
    os.mkfifo(tmp_path / "secret.wav")
    pipe = os.open(tmp_path / "secret.wav", os.O_RDWR | os.O_NONBLOCK)
    os.write(pipe, SECRET)
    yield pipe
    os.close(pipe)


@pytest.mark.parametrize("format_", hostile.playlists(""))
@pytest.mark.parametrize("where", ["beside", "path", "http"])
def test_a_playlist_opens_nothing(tmp_path, pipe, limits, format_, where):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/secret.wav"
        target = {"beside": "secret.wav", "path": str(tmp_path / "secret.wav"), "http": address}
        (tmp_path / "a.mp3").write_text(hostile.playlists(target[where])[format_])
        with pytest.raises(audio.RejectedAudioError) as verdict:
            audio.decode(tmp_path / "a.mp3", SR, limits)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert verdict.value.reason == "undecodable"
    assert os.read(pipe, len(SECRET)) == SECRET


def test_such_a_playlist_is_followed_by_an_ffmpeg_without_our_limits(tmp_path, pipe, limits):
    """Else the test above would prove nothing."""
    (tmp_path / "a.mp3").write_text(hostile.playlists("secret.wav")["ffconcat"])
    words = ["-nostdin", "-loglevel", "error", "-i", tmp_path / "a.mp3", "-f", "null", "-"]
    with pytest.raises(subprocess.TimeoutExpired):  # it waits for more of the pipe
        subprocess.run([limits.ffmpeg, *words], timeout=1, check=False)
    with pytest.raises(BlockingIOError):
        os.read(pipe, 1)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path, limits):
    os.mkfifo(tmp_path / "fifo.mp3")
    (tmp_path / "folder.mp3").mkdir()
    (tmp_path / "endless.mp3").symlink_to("/dev/zero")
    (tmp_path / "nowhere.mp3").symlink_to("gone.mp3")
    (tmp_path / "loop.mp3").symlink_to("loop.mp3")
    began = time.monotonic()
    for name in ("fifo", "folder", "endless", "nowhere", "loop", "gone"):
        with pytest.raises(audio.RejectedAudioError) as verdict:
            audio.decode(tmp_path / f"{name}.mp3", SR, limits)
        assert verdict.value.reason == "not_a_file"
    listed = list_files(tmp_path, tmp_path / ".memory").files
    assert dict(listed.select("path", "reason").iter_rows()) == {
        "endless.mp3": "outside",
        "fifo.mp3": "not_a_file",
        "folder.mp3/": "folder",
        "loop.mp3": "not_a_file",
        "nowhere.mp3": "not_a_file",
    }
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("in_process", [True, False])
def test_a_sparse_file_of_three_gigabytes_is_too_long(tmp_path, limits, in_process):
    file = tmp_path / "sparse.wav"
    file.write_bytes(patched(wav(), b"data", "<I", 3 * 10**9))
    os.truncate(file, 3 * 10**9)
    began = time.monotonic()
    with pytest.raises(audio.RejectedAudioError) as verdict:
        audio.decode(file, SR, replace(limits, max_seconds=20, in_process=in_process))
    assert verdict.value.reason == "too_long"
    assert time.monotonic() - began < 5


# VmHWM, not ru_maxrss, which a process inherits of the one that started it.
MEASURE = """
import resource, sys
from pathlib import Path
from soundstage import audio
for file in map(Path, sys.stdin.read().splitlines()):
    for in_process in (True, False):
        limits = audio.Limits(sys.argv[1], 30, 20, in_process=in_process)
        try:
            audio.decode(file, 16000, limits)
        except audio.RejectedAudioError:
            pass
    own = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    ffmpeg = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(int(own) // 1024, ffmpeg // 1024, file.name)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells peaks there")
def test_nothing_is_allocated_by_a_headers_word(root, limits):
    """Peaks of memory in MB, of this process and of ffmpeg: after an honest file, and after all."""
    names = ["WAV PCM_24.WAV", *LYING_HEADERS, "art of 256 megapixels.mp3"]
    files = "\n".join(str(root / "music" / "kinds" / name) for name in names)
    words = [sys.executable, "-c", MEASURE, limits.ffmpeg]
    done = subprocess.run(words, input=files, capture_output=True, text=True, check=True)
    peaks = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [name for *_, name in peaks] == names
    (own, ffmpeg, _), (own_after, ffmpeg_after, _) = peaks[0], peaks[-1]
    assert int(own_after) < int(own) + 100, done.stdout
    assert int(ffmpeg_after) < int(ffmpeg) + 100, done.stdout


def test_names_mean_nothing(tmp_path, limits):
    content, root = sound("WAV", seconds=0.2), tmp_path / "music"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / "Thumbs.db").write_bytes(content)
    found = list_files(root, tmp_path / "memory")
    assert ignored(found) == "ignored 1 files: 1 .db"
    audible = found.files
    assert audible["path"].to_list() == sorted(NAMES)
    assert audible["reason"].null_count() == len(NAMES)
    for i, path in enumerate(audible["path"]):
        way = replace(limits, in_process=bool(i % 2))
        assert len(audio.decode(root / path, SR, way).y) == 0.2 * SR


def test_twins_share_a_row(tmp_path):
    music = tmp_path / "music"
    music.mkdir()
    (music / "a.wav").write_bytes(wav())
    (music / "copy.wav").write_bytes(wav())
    (music / "link.wav").hardlink_to(music / "a.wav")
    (music / "inner.wav").symlink_to("a.wav")
    y, sr = soundfile.read(music / "a.wav", dtype="int16")
    soundfile.write(music / "other.flac", y, sr)
    found = run(tmp_path / "project", music)
    assert (found["listed"], found["accepted"]) == (5, 5)
    files = pl.read_parquet(tmp_path / "project" / paths.FILES)
    store = Feature(tmp_path / "project" / paths.STORE / "pcm8")
    assert files["key"].n_unique() == len(store) == 2
    one, other = (store.shard_of(key).array(key) for key in files["key"].unique())
    np.testing.assert_array_equal(one, other)
