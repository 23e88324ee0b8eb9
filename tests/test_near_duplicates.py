import subprocess

import numpy as np
import polars as pl
import pytest
import soundfile

from soundstage import audio
from soundstage.errors import SoundstageError
from soundstage.features.landmarks import landmarks
from soundstage.near_duplicates import find, groups, pairs
from soundstage.store.shards import Row

RATE, SR = 32000, 16000
SECONDS = 10
N = 30
SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


def tune(seed, eighth=None):
    """Play a melody, its chords and a drum, all drawn from the seed: (n,), peak below half.

    `eighth` is the length of a note in seconds.
    """
    rng = np.random.default_rng(seed)
    drawn, root, decay, level = rng.uniform([0.15, 48, 1, 0.3], [0.35, 60, 5, 0.48])
    order = np.arange(1, 7, dtype=np.float32)[:, None]
    timbre = rng.uniform(0.2, 1, (6, 1)).astype(np.float32) / order
    t = np.arange(RATE, dtype=np.float32) / RATE
    y = np.zeros((SECONDS + 1) * RATE)

    def play(start, degree, gain):
        octave, step = divmod(degree, 7)
        hz = np.float32(440 * 2 ** ((int(root) + 12 * octave + SCALE[step] - 69) / 12))
        harmonics = timbre * np.sin(np.float32(2 * np.pi) * hz * order * t)
        y[start : start + RATE] += gain * harmonics.sum(axis=0) * np.exp(-decay * t)

    start = 0.0
    while start < SECONDS:
        first = int(start * RATE)
        play(first, rng.integers(7, 21), 1)
        if rng.random() < 0.4:
            for degree in rng.integers(-7, 7, 2):
                play(first, degree, 0.7)
            y[first : first + 2000] += 0.5 * rng.normal(size=2000) * np.exp(-t[:2000] * 100)
        start += (eighth or drawn) * rng.integers(1, 3)
    y = y[: SECONDS * RATE]
    return level * y / np.abs(y).max()


def heard(clips, folder, *options):
    """Return the landmarks of clips that the real ffmpeg has written, read as the store does it.

    Without options of an encoder they are 16-bit WAV files.
    """
    inputs, outputs, files = [], [], [folder / f"{i}.mp3" for i in range(len(clips))]
    for i, y in enumerate(clips):
        soundfile.write(folder / f"{i}.wav", y, RATE)
        inputs += ["-i", folder / f"{i}.wav"]
        outputs += ["-map", f"{i}:a", "-compression_level", "9", *options, files[i]]  # 9: fast
    limits = audio.Limits(audio.ffmpeg_binary("bundled"), timeout_seconds=30, max_seconds=60)
    if options:
        start = [limits.ffmpeg, "-v", "error", "-nostdin"]
        subprocess.run([*start, *inputs, *outputs], check=True)
    else:
        files = [file.with_suffix(".wav") for file in files]
    decoded = (audio.decode(file, SR, limits).y for file in files)
    return [landmarks(audio.quantise(y, "int8"), SR) for y in decoded]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Return the landmarks of N tunes, and kind -> those of N copies."""
    rng = np.random.default_rng(0)
    tunes = [tune(seed) for seed in range(N)]
    later = [
        y[int(seconds * RATE) :] for y, seconds in zip(tunes, rng.uniform(0.1, 2, N), strict=True)
    ]
    made = {
        "original": (tunes,),
        "128 kbit/s": (tunes, "-b:a", "128k", "-ar", "44100"),
        "64 kbit/s": (tunes, "-b:a", "64k", "-ar", "22050"),
        "Vorbis": (tunes, "-c:a", "libvorbis", "-f", "ogg"),
        "AAC": (tunes, "-c:a", "aac", "-b:a", "96k", "-f", "adts"),
        "6 dB louder": ([2 * y for y in tunes],),
        "6 dB softer": ([y / 2 for y in tunes],),
        "later": (later,),
        "all at once": ([y / 2 for y in later], "-b:a", "64k"),
    }
    copies = {
        kind: heard(clips, tmp_path_factory.mktemp("clips"), *options)
        for kind, (clips, *options) in made.items()
    }
    return copies.pop("original"), copies


def test_copies_are_found_and_others_are_not(library):
    originals, copies = library
    everything = originals + [clip for kind in copies.values() for clip in kind]
    found = pairs(everything).with_columns(same=pl.col("a") % N == pl.col("b") % N)
    of_originals = found.filter(pl.col("same"), pl.col("a") < N)
    recall = {
        kind: len(of_originals.filter(pl.col("b") // N == i)) / N
        for i, kind in enumerate(copies, start=1)
    }
    assert min(recall.values()) >= 0.95, recall
    n = 1 + len(copies)
    of_one_tune = N * n * (n - 1) // 2
    different = len(everything) * (len(everything) - 1) // 2 - of_one_tune
    assert len(found.filter(~pl.col("same"))) <= different / 1000


def test_the_lag_says_how_much_later_the_copy_starts():
    y = tune(0)[::2]
    whole, cut = landmarks(y, SR), landmarks(y[256 * 100 :], SR)
    assert pairs([whole, cut])["lag"].to_list() == [-100]
    assert pairs([cut, whole])["lag"].to_list() == [100]


def test_another_performance_is_not_a_copy():
    """The same notes in another tempo."""
    played = [landmarks(tune(0, eighth=eighth)[::2], SR) for eighth in (0.2, 0.22, 0.25, 0.3)]
    assert not len(pairs(played))


def clip(rng, n=100):
    """Landmarks that no other clip has."""
    return np.stack([rng.integers(0, 2**30, n), np.sort(rng.integers(0, 1000, n))], axis=1)


def test_it_counts_what_agrees_at_one_lag_give_or_take_one(rng):
    a = clip(rng)
    lags = np.array([[0, lag] for lag in 20 * [7] + 10 * [8] + 25 * [500]])
    b = np.concatenate([clip(rng, 50), a[:55] + lags])
    c = a[:50] + np.stack([np.zeros(50, int), 3 * np.arange(50)], axis=1)
    (found,) = pairs([a, b, c]).to_dicts()
    assert found == {"a": 0, "b": 1, "lag": 7, "agreeing": 30, "share": 0.3}


def test_the_share_is_of_the_clip_with_fewer(rng):
    a = clip(rng, 1000)
    (found,) = pairs([a, a[300:340]]).to_dicts()
    assert found == {"a": 0, "b": 1, "lag": 0, "agreeing": 40, "share": 1.0}


@pytest.mark.parametrize(("agreeing", "n"), [(39, 950), (44, 1200), (7, 7)])
def test_a_low_share_is_no_evidence(rng, agreeing, n):
    assert not len(pairs([a := clip(rng, n), np.concatenate([a[:agreeing], clip(rng, n)])]))


def test_many_landmarks_are_evidence_though_their_share_is_low(rng):
    a = clip(rng, 1000)
    (found,) = pairs([a, np.concatenate([a[:50], clip(rng, 950)])]).to_dicts()
    assert (found["agreeing"], found["share"]) == (50, 0.05)
    assert not len(pairs([a, np.concatenate([a[:50], clip(rng, 950)])], many=51))


def test_a_few_landmarks_are_no_evidence(rng):
    a = clip(rng, 7)
    assert not len(pairs([a, a]))
    assert len(pairs([a, a], least=7)) == 1


def test_pairs_are_found_among_many_clips(rng):
    clips = [clip(rng, 20) for _ in range(700)]
    clips[690], clips[3] = clips[650], clips[512]
    assert pairs(clips).select("a", "b").rows() == [(3, 512), (650, 690)]


def test_nothing_is_near_silence(rng):
    nothing = np.empty((0, 2), np.int32)
    assert pairs([]).columns == ["a", "b", "lag", "agreeing", "share"]
    assert not len(pairs([nothing, nothing, clip(rng)]))


def test_a_large_family_is_one_group(rng):
    a = clip(rng)
    clips = [a] * 30 + [clip(rng) for _ in range(5)]
    found = pairs(clips, reach=4)
    assert len(found) < 30 * 4
    keys = pl.Series([f"key{i}" for i in range(35)])
    named = found.select(a=keys.gather(found["a"]), b=keys.gather(found["b"]))
    together = groups(named, {key: key.upper() for key in keys})
    assert len({together[key] for key in keys[:30]}) == 1
    assert len(set(together.values())) == 6


def test_equal_samples_are_one_group_also_without_landmarks():
    nothing = pl.DataFrame(schema={"a": pl.String, "b": pl.String})
    together = groups(nothing, {"1": "x", "2": "x", "3": "y"})
    assert together["1"] == together["2"] != together["3"]
    assert groups(nothing, {}) == {}


def test_find_names_clips_and_seconds(fill, rng):
    a, b = clip(rng).astype(np.int32), clip(rng).astype(np.int32)
    keys = [f"{i * 0x9E3779B97F4A7C15 % 2**128:032x}" for i in (1, 2, 3)]
    arrays = (a, b, a + np.array([0, 125], np.int32))
    rows = [Row(key, array) for key, array in zip(keys, arrays, strict=True)]
    feature = fill("landmarks", rows, axes=("landmark", "column"), columns=("hash", "frame"))
    feature.index = {**feature.index, "hop_length": 256}
    (found,) = find(feature).to_dicts()
    assert {found["a"], found["b"]} == {keys[0], keys[2]}
    assert abs(found["seconds"]) == 2
    with pytest.raises(SoundstageError, match="mel: holds no landmarks"):
        find(fill("mel", rows, axes=("landmark", "column"), columns=("hash", "frame")))
