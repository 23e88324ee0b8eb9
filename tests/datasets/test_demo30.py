"""The truth of `demo30`: what is planted is there, and nothing else is."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from soundstage import audio, near_duplicates, splits
from soundstage.datasets import _more_scores, _scores, demo30
from soundstage.errors import SoundstageError
from soundstage.features.landmarks import landmarks
from soundstage.params import Split
from soundstage.tracks import SCHEMA

STYLES = {
    *("air", "chorale", "hornpipe", "jig", "madrigal"),
    *("march", "reel", "slipjig", "strathspey", "trecento"),
}
SECONDS = 3.0
N = 40


@pytest.fixture(autouse=True)
def two_processes(monkeypatch):
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "2")


@pytest.fixture(scope="module")
def clips():
    return demo30._clips(N, 0, fresh=False)


@pytest.fixture(scope="module")
def fresh():
    return demo30._clips(16, 0, fresh=True)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """The first four clips of each style: a repetition and another encoding among them."""
    root = tmp_path_factory.mktemp("demo30")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOUNDSTAGE_JOBS", "2")
        demo30.fetch(root, root, {}, clips_per_style=4, seconds=SECONDS)
    return root


def table(clips):
    return pl.DataFrame(
        {
            "track": [clip.track for clip in clips],
            "genre": [clip.genre for clip in clips],
            "group": [c.other if c.kind == "artist" else c.piece.group for c in clips],
        }
    ).with_columns(pl.lit(None, SCHEMA[name]).alias(name) for name in ("tags", "splits"))


def test_every_style_has_what_the_plan_says(clips):
    assert {clip.piece.style for clip in clips} == STYLES
    kinds = Counter((clip.piece.style, clip.kind) for clip in clips)
    for style in STYLES:
        found = {kind: kinds[style, kind] for kind in set(demo30._PLAN)}
        copies = {"repeated": 4, "reencoded": 4, "instruments": 4}
        assert found == copies | {"artist": 6, "mislabelled": 2, "": 20}
    assert len({clip.track for clip in clips}) == len({clip.path for clip in clips}) == 400
    assert Counter(clip.genre for clip in clips) == dict.fromkeys(STYLES, N)


def test_only_copies_share_a_piece(clips):
    by_piece = {}
    for clip in clips:
        by_piece.setdefault(clip.piece.group, []).append(clip)
    for same in by_piece.values():
        first, *copies = same
        assert first.kind not in demo30._COPIES
        assert all(copy.other == first.track for copy in copies)
        assert len(copies) == len({copy.kind for copy in copies} & {*demo30._COPIES}) <= 1
    assert len(by_piece) == 280


def test_copies_are_what_they_are_called(clips):
    of = {clip.track: clip for clip in clips}
    for clip in clips:
        if clip.kind == "repeated":
            first = of[clip.other]
            assert (clip.how, clip.room, clip.later) == (first.how, first.room, first.later)
        elif clip.kind == "reencoded":
            first = of[clip.other]
            assert clip.how.bitrate != first.how.bitrate
            assert first.how.peak - 6 <= clip.how.peak <= first.how.peak
            assert 0.1 <= clip.later <= 2
            assert (clip.room, clip.how.program) == (first.room, first.how.program)
        elif clip.kind == "instruments":
            assert clip.instrument != of[clip.other].instrument


def test_an_artist_has_one_style_one_instrument_and_one_room(clips):
    artists = {}
    for clip in clips:
        if clip.kind == "artist":
            sound = clip.instrument, clip.room, clip.how.sr, clip.how.peak, clip.how.bitrate
            artists.setdefault(clip.other, set()).add((clip.piece.style, *sound))
    assert len(artists) == len(STYLES)
    assert all(len(sounds) == 1 for sounds in artists.values())
    rooms = Counter(clip.room for clip in clips if clip.kind != "artist")
    assert max(rooms.values()) == 2  # of a copy and what it is a copy of


def test_a_wrong_label_is_another_style_s(clips):
    for clip in clips:
        assert (clip.genre != clip.piece.style) == (clip.kind == "mislabelled")
        assert clip.path.startswith(f"{clip.genre}/{clip.track}.")


def test_fresh_pieces_are_in_no_other_part(clips, fresh):
    assert not {clip.piece.group for clip in clips} & {clip.piece.group for clip in fresh}
    assert not {clip.room for clip in clips} & {clip.room for clip in fresh}
    assert len({clip.piece.group for clip in fresh}) == len(fresh) == 160
    assert {(clip.kind, clip.other) for clip in fresh} == {("", "")}
    assert all(clip.genre == clip.piece.style for clip in fresh)


def test_fresh_clips_are_drawn_alike(clips, fresh):
    """Of a model that goes by the sound alone, neither set is the easier one."""
    prevails = [
        np.mean([clip.instrument == demo30._STYLES[clip.piece.style].instrument for clip in of])
        for of in (clips, fresh)
    ]
    error = np.sqrt(0.25 / 280 + 0.25 / len(fresh))  # of 280 pieces
    assert abs(prevails[0] - prevails[1]) < 3 * error


def test_a_clip_does_not_depend_on_how_many_there_are(clips):
    assert set(demo30._clips(7, 0, fresh=False)) < set(clips)
    assert not set(demo30._clips(7, 1, fresh=False)) & set(clips)


def test_the_honest_split_keeps_all_that_is_planted_on_one_side(clips):
    how = {"seed": 0, "valid": 0.15, "test": 0.25, "folds": None, "fold": 0}
    players = [clip for clip in clips if clip.kind == "artist"]
    tied = [(a, b) for a, b in combinations(players, 2) if a.other == b.other]
    crossing = {}
    of = {clip.track: clip for clip in clips}
    tied += [(clip, of[clip.other]) for clip in clips if clip.kind in demo30._COPIES]
    for name in ("honest", "random"):
        _, parts = splits.split(table(clips), Split(name=name, **how), honest=demo30.HONEST)
        part = dict(parts.iter_rows())
        crossing[name] = {a.kind for a, b in tied if part[a.track] != part[b.track]}
    assert crossing == {"honest": set(), "random": {*demo30._COPIES, "artist"}}


def test_files_and_tables(rendered):
    tracks = demo30.tracks([], {"tracks.parquet": rendered / "tracks.parquet"})
    found = {path.relative_to(rendered).as_posix() for path in rendered.rglob("*.*")}
    assert found == {*tracks["path"], *demo30.METADATA, demo30.PLANTED}
    assert len(tracks) == 4 * len(STYLES)
    truth = demo30.planted(rendered)
    assert truth.columns == ["track", "kind", "other", "genre"]
    assert Counter(truth["kind"]) == {"repeated": 10, "reencoded": 10}
    names = ["track", "path", "genre", "tags", "group", "artist", "album", "song"]
    assert tracks.columns == names  # none of them says what is planted
    path = dict(tracks.select("track", "path").iter_rows())
    for track, kind, other, _ in truth.iter_rows():
        same = (rendered / path[track]).read_bytes() == (rendered / path[other]).read_bytes()
        assert same == (kind == "repeated")


def test_what_is_missing_is_rendered_again_and_nothing_else(rendered):
    def state():
        files = sorted(rendered.rglob("*.*"))
        return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in files}

    before = state()
    demo30.fetch(rendered, rendered, {}, clips_per_style=4, seconds=SECONDS)
    assert state() == before
    gone = next(file for file in before if file.suffix == ".mp3")
    gone.unlink()
    demo30.fetch(rendered, rendered, {}, clips_per_style=4, seconds=SECONDS)
    after = state()
    assert {file for file in before if before[file] != after[file]} == {gone}
    assert after[gone][1] == before[gone][1]


def test_every_clip_has_its_exact_length_and_level(rendered, limits):
    for clip in demo30._clips(4, 0, fresh=False):
        y, channels, _ = audio.decode(rendered / clip.path, clip.how.sr, limits)
        assert (len(y), channels) == (round(SECONDS * clip.how.sr), clip.how.channels)
        if clip.how.bitrate is None and clip.how.channels == 1:
            assert 20 * np.log10(np.abs(y).max()) == pytest.approx(clip.how.peak, abs=0.01)


def test_an_echo_fades_and_sounds_alike_at_both_rates(clips):
    clip = clips[0]
    both = (replace(clip, how=replace(clip.how, sr=sr)) for sr in (22050, 44100))
    low, high = map(demo30._echo, both)
    assert low[0] == high[0] == 0
    assert np.square(low).sum() <= demo30._ECHO**2
    spectra = [np.abs(np.fft.rfft(echo, n))[:4000] for echo, n in ((low, 2**14), (high, 2**15))]
    np.testing.assert_allclose(*spectra, atol=0.05 * spectra[0].max())
    assert np.square(low[-2205:]).sum() < 1e-3 * np.square(low[:2205]).sum()


def test_the_audit_finds_encodings_of_long_sustained_tones(clips, tmp_path, limits):
    """The three whose landmarks agree least, of an organ and an accordion, and no pair else."""
    of = {clip.track: clip for clip in clips}
    copies = [of[name] for name in ("chorale.00003", "air.00013", "air.00023")]
    pairs = [clip for copy in copies for clip in (of[copy.other], copy)]
    heard = []
    for clip in pairs:
        (tmp_path / clip.path).parent.mkdir(exist_ok=True)
        demo30._record(tmp_path, clip, _scores.read(clip.piece), 30.0)
        y = audio.decode(tmp_path / clip.path, 16000, limits).y
        heard.append(landmarks(audio.quantise(y, "int8"), 16000))
    found = near_duplicates.pairs(heard)
    assert found.select("a", "b").rows() == [(0, 1), (2, 3), (4, 5)]


def test_too_many_clips_are_refused(tmp_path):
    with pytest.raises(SoundstageError, match=r"madrigal make \d+ clips; choose \d+ or less"):
        demo30.fetch(tmp_path, tmp_path, {}, clips_per_style=50)
    assert not list(tmp_path.iterdir())


def test_further_pieces_are_known_once_and_begin_with_those_of_demo():
    pieces = _more_scores.pieces()
    assert len({piece.group for piece in pieces}) == len(pieces)
    assert {piece.style for piece in pieces} == STYLES
    assert pieces[: len(_scores.pieces())] == _scores.pieces()
    counts = Counter(piece.style for piece in pieces)
    assert min(counts[style] for style in STYLES) >= 48


def test_the_three_kinds_of_source_are_read():
    first = {piece.style: piece for piece in reversed(_more_scores.pieces())}
    for style, parts in (("march", 1), ("strathspey", 1), ("madrigal", 5), ("trecento", 2)):
        score = _scores.read(first[style])
        assert len(np.unique(score.notes[:, 3])) >= parts
        assert score.length > 0
