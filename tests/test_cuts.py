import itertools

import numpy as np
import pytest

from soundstage import cuts
from soundstage.cuts import Pieces
from soundstage.errors import SoundstageError
from soundstage.params import Cut, Segment

CUT = Cut(longest=45.0, uneven=1.5, seconds=30.0, count=8)
WAVEFORM = {"name": "pcm8", "axes": ["sample"], "sample_rate": 100, "hop_length": 1}
MEL = {"name": "mel", "axes": ["frequency", "frame"], "sample_rate": 16000, "hop_length": 160}
PSD = {
    "name": "psd",
    "axes": ["frequency", "frame"],
    "sample_rate": 16000,
    "hop_length": None,
    "parameters": {"nperseg": 256, "noverlap": 96},
}
MFCC = {"name": "mfcc", "axes": ["slice", "frame", "coefficient"]}
STATS = {"name": "stats", "axes": ["column"]}


def index(about):
    return {"parameters": {}, "sample_rate": 22050, "hop_length": None} | about


def pieces(about, **segment):
    return cuts.pieces("m", Segment(**segment), index(about))


@pytest.mark.parametrize(
    ("n", "how", "starts"),
    [
        (49, {}, []),
        (50, {}, [0]),  # half a piece: padded
        (100, {}, [0]),
        (199, {}, [0]),
        (200, {}, [0, 100]),
        (1000, {"count": 3}, [0, 100, 200]),
        (250, {"hop": 50}, [0, 50, 100, 150]),
        (250, {"hop": 120}, [0, 120]),
        (1000, {"at": "middle", "count": 1}, [450]),
        (1000, {"at": "middle", "count": 2}, [400, 500]),
        (199, {"at": "middle", "count": 1}, [49]),
        (250, {"at": "middle"}, [25, 125]),
        (1000, {"at": "middle", "count": 2, "hop": 300}, [300, 600]),
        (1000, {"at": "all"}, list(range(0, 1000, 100))),
        (1000, {"at": "all", "count": 1}, [500]),
        (1000, {"at": "all", "count": 2}, [200, 700]),
        (1000, {"at": "all", "count": 5}, [100, 300, 500, 700, 900]),
        (300, {"at": "all", "count": 8}, [0, 100, 200]),
        (60, {"at": "all", "count": 8}, [0]),
    ],
)
def test_starts(n, how, starts):
    assert Pieces(100, **{"hop": 100} | how).starts(n) == starts


AT = ("start", "middle", "all")


@pytest.mark.parametrize(("at", "count"), [*itertools.product(AT, (None, 1, 2, 3, 7))])
def test_pieces_lie_in_the_clip_in_order_and_what_they_cover_is_counted(at, count):
    for length, hop in ((5, 5), (5, 2), (3, 4)):
        cut = Pieces(length, hop, at, count)
        for n in range(60):
            starts, heard = cut.starts(n), np.zeros(n, bool)
            assert starts == sorted(set(starts))
            assert len(starts) <= (count or n)
            for start in starts:
                assert start >= 0
                assert start + length <= max(n, length)
                heard[start : start + length] = True
            assert cut.covered(n) == heard.sum()


def test_an_entry_of_length_and_count_is_the_first_pieces():
    assert pieces(MEL, length=94, count=9) == Pieces(94, 94, "start", 9)
    assert pieces(MEL, length=94, hop=47) == Pieces(94, 47)


@pytest.mark.parametrize(
    ("about", "length", "hop"), [(WAVEFORM, 150, 50), (MEL, 150, 50), (PSD, 150, 50)]
)
def test_seconds_are_turned_into_steps_of_the_input(about, length, hop):
    found = pieces(about, seconds=1.5, hop=0.5, at="all", count=4)
    assert (found.length, found.hop, found.at, found.count) == (length, hop, "all", 4)
    assert pieces(about, seconds=1.5).hop == length


def test_of_slices_some_are_chosen():
    assert pieces(MFCC, at="middle", count=3).starts(10) == [3, 4, 5]
    assert pieces(MFCC, at="all", count=3).starts(10) == [1, 5, 8]
    assert pieces(MFCC, count=3).starts(2) == [0, 1]
    assert pieces(MFCC, count=3).starts(0) == []


@pytest.mark.parametrize(
    ("about", "segment", "message"),
    [
        (MFCC, {"length": 5}, "m: mfcc is cut into slices; remove length, seconds and hop"),
        (MFCC, {"seconds": 5.0}, "m: mfcc is cut into slices"),
        (MFCC, {"hop": 5.0}, "m: mfcc is cut into slices"),
        (STATS, {"length": 5}, "m: time does not run along the last axis of stats, column"),
        ({"name": "t", "axes": ["frame", "pitch"]}, {"length": 5}, "the last axis of t, pitch"),
        (MEL, {"count": 5}, "m: mel is not cut into slices; give .* length or the seconds"),
        (MEL | {"hop_length": None}, {"seconds": 1.0}, "m: .* how long a step of mel lasts; give"),
        ({"name": "t", "axes": ["lag", "time"]}, {"seconds": 1.0}, "how long a step of t lasts"),
        (MEL, {"seconds": 0.004}, r"m: a step of mel lasts 0.01 s; raise"),
        (MEL, {"seconds": 1.0, "hop": 0.001}, r"m: a step of mel lasts 0.01 s; raise"),
    ],
)
def test_what_does_not_suit_the_input_is_refused(about, segment, message):
    with pytest.raises(SoundstageError, match=message):
        pieces(about, **segment)


def by_default(seconds, about=WAVEFORM, training=None, cut=CUT):
    lengths = [round(s * 100) for s in seconds]
    return cuts.by_default("m", index(about), training or lengths, lengths, cut)


@pytest.mark.parametrize(
    "seconds",
    [
        [10.0] * 5,  # demo
        [30.0] * 5,  # demo30
        [29.932, 30.013, 30.013, 30.649],  # GTZAN, from the shortest to the longest clip
        [1.6, 18.4, 29.98, 29.98, 30.02],  # FMA, with clips that are known to be short
        [29.124] * 5,  # MagnaTagATune
    ],
    ids=["demo", "demo30", "gtzan", "fma", "magnatagatune"],
)
@pytest.mark.parametrize("about", [WAVEFORM, MEL, PSD], ids=["waveform", "mel", "psd"])
def test_clips_of_the_data_sets_in_use_stay_whole(seconds, about):
    assert by_default(seconds, about) == (None, "")


def test_uneven_clips_are_cut_to_the_usual_length():
    found, said = by_default([11.0, 11.0, 12.0, 214.0])
    assert found == Pieces(1100, 1100, "all", 8)
    assert said == (
        "m: clips are of 11 to 214 s, so they are cut into pieces of 11 s, at most 8 a clip; "
        "`segment` of the model says otherwise"
    )
    assert by_default([10.0, 10.0, 15.0]) == (None, "")
    assert by_default([10.0, 10.0, 15.1])[0] == Pieces(1000, 1000, "all", 8)


def test_long_clips_are_cut_into_pieces_of_so_many_seconds():
    found, said = by_default([214.0, 215.0, 216.0])
    assert found == Pieces(3000, 3000, "all", 8)
    assert "of 214 to 216 s, so they are cut into pieces of 30 s" in said
    assert by_default([45.0] * 3) == (None, "")
    assert by_default([46.0] * 3)[0] == Pieces(3000, 3000, "all", 8)
    assert by_default([2.5, 2.5, 9.0])[1].startswith("m: clips are of 2.5 to 9.0 s, so")


def test_the_usual_length_is_that_of_training():
    assert by_default([10.0, 200.0, 200.0], training=[1000])[0] == Pieces(1000, 1000, "all", 8)


def test_what_has_no_time_along_its_last_axis_stays_whole():
    for about in (MFCC, STATS, MEL | {"hop_length": None}):
        assert by_default([10.0, 10.0, 200.0], about) == (None, "")
    assert cuts.by_default("m", index(MEL), [], [], CUT) == (None, "")


def test_infinity_turns_it_off():
    never = Cut(longest=float("inf"), uneven=float("inf"), seconds=30.0, count=8)
    assert by_default([10.0, 200.0, 3000.0], cut=never) == (None, "")
    whole = Cut(longest=45.0, uneven=1.5, seconds=float("inf"), count=8)
    assert by_default([100.0, 100.0, 400.0], cut=whole)[0] == Pieces(10000, 10000, "all", 8)
