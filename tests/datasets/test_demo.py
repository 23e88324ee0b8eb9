import importlib.util
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import polars as pl
import pytest
import soundfile

from soundstage import audio
from soundstage.datasets import _render, _scores, demo
from soundstage.errors import SoundstageError

SECONDS = 3.0
STYLES = {"air", "chorale", "hornpipe", "jig", "reel", "slipjig"}
NOTE = _scores.Score(
    notes=np.array([[0.0, 4.0, 69.0, 0.0]]),
    length=4.0,
    pickup=0.0,
    bar=4.0,
    beats=4,
    compound=False,
    minor=False,
    tonic=9,
)
PLAYED = _render.Performance(
    program=73,
    drone=False,
    bpm=60.0,
    start=0.0,
    sr=22050,
    channels=1,
    peak=-3.0,
    bitrate=None,
    seed=0,
)


@pytest.fixture(autouse=True)
def two_processes(monkeypatch):
    monkeypatch.setenv("SOUNDSTAGE_JOBS", "2")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Two clips of each style, a pair of the same piece."""
    root = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOUNDSTAGE_JOBS", "2")
        demo.fetch(root, root, {}, clips_per_style=2, seconds=SECONDS)
    return root


def paths(root):
    return demo.tracks([], {"tracks.parquet": root / "tracks.parquet"})["path"].to_list()


def contents(root):
    return {path: (root / path).read_bytes() for path in paths(root)}


def marks(root):
    return {path: (root / path).stat().st_mtime_ns for path in [*paths(root), *demo.METADATA]}


def test_files_are_those_of_the_table(rendered):
    found = {path.relative_to(rendered).as_posix() for path in rendered.rglob("*.*")}
    assert found == {*paths(rendered), *demo.METADATA}
    assert len(paths(rendered)) == 2 * len(STYLES)


def test_every_clip_has_its_exact_length_and_is_heard(rendered, limits):
    for path in paths(rendered):
        about = soundfile.info(rendered / path)
        assert about.frames == round(SECONDS * about.samplerate), path
        y, channels, _ = audio.decode(rendered / path, about.samplerate, limits)
        assert (len(y), channels) == (about.frames, about.channels), path
        assert np.sqrt(np.square(y.astype(np.float64)).mean()) > 0.01, path
        peak = 20 * np.log10(np.abs(soundfile.read(rendered / path)[0]).max())
        assert -6.5 < peak < 0, path


def test_both_formats_rates_and_channel_counts_occur():
    clips = demo._clips(24, seed=0)
    assert sum(clip.path.endswith(".mp3") for clip in clips) == len(clips) / 2
    for mp3 in (True, False):
        of_these = [clip.how for clip in clips if (clip.how.bitrate is not None) == mp3]
        drawn = {(how.sr, how.channels) for how in of_these}
        assert drawn == {(22050, 1), (22050, 2), (44100, 1), (44100, 2)}


def test_the_files_are_what_their_clips_say(rendered):
    for clip in demo._clips(2, seed=0):
        about = soundfile.info(rendered / clip.path)
        assert (about.samplerate, about.channels) == (clip.how.sr, clip.how.channels)
        coding = ("WAV", "PCM_16") if clip.how.bitrate is None else ("MP3", "MPEG_LAYER_III")
        assert (about.format, about.subtype) == coding


def test_table(rendered):
    table = demo.tracks(paths(rendered), {"tracks.parquet": rendered / "tracks.parquet"})
    names = ["track", "path", "genre", "tags", "group", "artist", "album", "song"]
    assert table.columns == names
    assert table.schema["tags"] == pl.List(pl.String)
    assert table["track"].n_unique() == len(table)
    assert set(table["genre"]) == STYLES
    assert table.null_count().sum_horizontal().item() == 0
    for row in table.iter_rows(named=True):
        genre, suffix = row["genre"], Path(row["path"]).suffix
        assert row["path"] == f"{genre}/{row['track']}{suffix}"
        tags = set(row["tags"])
        assert len(tags & {"major", "minor"}) == 1
        assert len(tags & {"duple", "triple"}) == 1
        assert len(tags & {"slow", "medium", "fast"}) == 1
        assert len(tags & {"accordion", "banjo", "flute", "harp", "organ", "violin"}) == 1
        if genre == "chorale":
            assert row["artist"] == "Johann Sebastian Bach"
            assert not tags & {"drone", "compound"}
        if genre in {"reel", "hornpipe"}:
            assert "duple" in tags
            assert "compound" not in tags
        if genre == "jig":
            assert tags >= {"duple", "compound"}
        if genre == "slipjig":
            assert tags >= {"triple", "compound"}


def test_groups_are_pieces_and_some_are_heard_twice():
    clips = pl.DataFrame(
        [(clip.piece.style, clip.piece.group, clip.piece.song) for clip in demo._clips(24, seed=0)],
        schema=["style", "group", "song"],
        orient="row",
    )
    by_group = clips.group_by("group").agg(pl.len(), pl.col("style", "song").n_unique())
    assert by_group["style"].max() == by_group["song"].max() == 1
    assert by_group["len"].value_counts().sort("len").rows() == [(1, 72), (2, 36)]


def test_pieces_are_known_once():
    pieces = _scores.pieces()
    assert len({piece.group for piece in pieces}) == len(pieces)
    assert {piece.style for piece in pieces} == STYLES


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_same_seed_same_bytes_with_any_number_of_processes(rendered, tmp_path, monkeypatch, jobs):
    monkeypatch.setenv("SOUNDSTAGE_JOBS", jobs)
    demo.fetch(tmp_path, tmp_path, {}, clips_per_style=1, seconds=SECONDS)
    whole = contents(rendered)
    part = contents(tmp_path)
    assert len(part) == len(STYLES)
    assert part.items() <= whole.items()  # a smaller set is part of a larger one


def test_a_clip_does_not_depend_on_how_many_there_are():
    assert set(demo._clips(5, seed=3)) < set(demo._clips(24, seed=3))
    assert not set(demo._clips(5, seed=3)) & set(demo._clips(5, seed=4))


def test_fetching_again_renders_only_what_is_missing(rendered):
    before, seen = contents(rendered), marks(rendered)
    demo.fetch(rendered, rendered, {}, clips_per_style=2, seconds=SECONDS)
    assert marks(rendered) == seen

    gone = paths(rendered)[3]
    (rendered / gone).unlink()
    demo.fetch(rendered, rendered, {}, clips_per_style=2, seconds=SECONDS)
    assert contents(rendered) == before
    assert {path for path, mark in marks(rendered).items() if mark != seen[path]} == {gone}


def test_other_parameters_render_afresh_and_leave_other_files_alone(tmp_path):
    (tmp_path / "reel").mkdir()
    own = tmp_path / "reel" / "mine.wav"
    own.write_bytes(b"mine")
    demo.fetch(tmp_path, tmp_path, {}, clips_per_style=2, seconds=1.0)
    before = contents(tmp_path)
    demo.fetch(tmp_path, tmp_path, {}, clips_per_style=1, seconds=2.0)
    after = contents(tmp_path)
    assert len(after) == len(STYLES)
    assert after.keys() < before.keys()
    assert all(after[path] != before[path] for path in after)
    assert not [path for path in before.keys() - after.keys() if (tmp_path / path).exists()]
    assert own.read_bytes() == b"mine"


def test_a_table_of_others_is_not_touched(tmp_path):
    theirs = pl.DataFrame({"path": ["song.wav"]})
    theirs.write_parquet(tmp_path / "tracks.parquet")
    (tmp_path / "song.wav").write_bytes(b"theirs")
    with pytest.raises(SoundstageError, match="give demo a folder of its own"):
        demo.fetch(tmp_path, tmp_path, {})
    (tmp_path / "tracks.parquet").write_bytes(b"torn")
    with pytest.raises(SoundstageError, match=r"no readable table .*, or delete the file"):
        demo.fetch(tmp_path, tmp_path, {})
    assert (tmp_path / "song.wav").read_bytes() == b"theirs"


def test_too_many_clips_are_refused(tmp_path):
    with pytest.raises(SoundstageError, match=r"slipjig make \d+ clips; choose \d+ or less"):
        demo.fetch(tmp_path, tmp_path, {}, clips_per_style=200)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("program", sorted(demo._PROGRAMS.values()))
def test_a_note_sounds_at_its_pitch(program):
    y = _render.perform(NOTE, replace(PLAYED, program=program), 2.0)[:, 0]
    f0 = np.median(librosa.yin(y[4410:35280], fmin=100, fmax=1000, sr=22050))
    semitones = librosa.hz_to_midi(f0) - 69
    octaves = -12 if program == demo._PROGRAMS["organ"] else 0  # its 16-foot stop is drawn
    assert abs(semitones - octaves) < 0.5


def test_a_piece_is_played_round_and_round_to_exact_length():
    y = _render.perform(NOTE, replace(PLAYED, channels=2, bpm=240.0), 9.7)
    assert y.shape == (round(9.7 * 22050), 2)
    assert y.dtype == np.float32
    assert 20 * np.log10(np.abs(y).max()) == pytest.approx(-3, abs=1e-4)
    seconds = np.abs(y[: 9 * 22050]).reshape(9, -1).max(axis=1)
    assert seconds.min() > 0.5 * seconds.max()  # a note of one second, nine times


def test_a_passage_wraps_around_the_end():
    tune = replace(NOTE, notes=np.array([[0.0, 1, 60, 0], [1, 1, 62, 0], [2, 2, 64, 0]]))
    passage = _render._passage(tune, start=1.0, length=6.0)
    np.testing.assert_array_equal(passage[:, 0], [0, 1, 3, 4, 5])
    np.testing.assert_array_equal(passage[:, 2], [62, 64, 60, 62, 64])


def tune(text, style="jig"):
    return _scores.Piece(style, "group", "song", "album", "artist", text)


def test_a_tune_is_read_with_its_repeats():
    bars = "A2B cde|f3 {g}e3|" * 2
    score = _scores.read(tune(f"X:1\nT:Four Bars\nM:6/8\nL:1/8\nK:Ador\n|:{bars[:-1]}:|\n"))
    two_bars = np.array([0, 1, 1.5, 2, 2.5, 3, 4.5])
    onsets = (6 * np.arange(4)[:, None] + two_bars).ravel()
    np.testing.assert_array_equal(score.notes[:, 0], onsets)
    np.testing.assert_array_equal(score.notes[:7, 2], [69, 71, 72, 74, 76, 78, 76])
    assert (score.length, score.bar, score.beats, score.pickup) == (24, 3, 2, 0)
    assert (score.compound, score.minor, score.tonic) == (True, True, 9)


def test_a_reel_has_two_beats_in_a_bar_however_it_is_noted():
    noted = "X:1\nT:Four Bars\nM:{}\nL:{}\nK:G\n" + "G2 GA BcdB|" * 4 + "\n"
    cut = _scores.read(tune(noted.format("C|", "1/8"), "reel"))
    half = _scores.read(tune(noted.format("2/4", "1/16"), "reel"))
    assert (cut.beats, half.beats) == (2, 2)
    assert (cut.bar, half.bar) == (4, 2)
    assert not cut.minor


def test_reading_is_quiet(capfd):
    piece = next(piece for piece in _scores.pieces() if piece.style == "chorale")
    score = _scores.read(piece)
    assert len(np.unique(score.notes[:, 3])) >= 4
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("fields", "style"),
    [
        ({"R": "Reel", "M": "C|"}, "reel"),
        ({"R": "double jig", "M": "6/8"}, "jig"),
        ({"R": "jig", "M": "9/8"}, "slipjig"),
        ({"R": "jig", "M": "2/4"}, None),
        ({"R": "strathspey", "M": "C"}, None),
        ({"R": "reel", "M": "2/4", "T": "The Idle Jig"}, None),
        ({"M": "3/4", "X": "17"}, "air"),
        ({"M": "3/4", "X": "1700"}, None),
    ],
)
def test_kind_of_tune(fields, style):
    assert _scores._style("oneills1850", fields) == style


def test_a_missing_corpus_is_said(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("music21", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(SoundstageError, match="without its corpus of scores"):
        _scores.pieces()


def test_ffmpegs_refusal_is_said(tmp_path):
    y = np.zeros((100, 1), np.float32)
    with pytest.raises(SoundstageError, match="ffmpeg could not write it"):
        _render._write_mp3(tmp_path / "no folder" / "x.mp3", y, 22050, 64000)
