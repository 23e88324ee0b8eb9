import os
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from soundstage.features import librosa_stats as module
from soundstage.features.librosa_stats import COLUMNS, librosa_stats

SR = 22050


def music(seconds):
    """Two tones, a noise burst twice a second, and a little hiss."""
    rng = np.random.default_rng(0)
    t = np.arange(int(seconds * SR)) / SR
    y = 0.2 * np.sin(2 * np.pi * 220 * t) + 0.1 * np.sin(2 * np.pi * 660 * t)
    y += 0.2 * np.exp(-(t % 0.5) / 0.02) * rng.normal(size=t.size)
    return (y + 0.002 * rng.normal(size=t.size)).astype(np.float32)


def clicks(bpm, seconds):
    times = np.arange(0.1, seconds - 0.1, 60 / bpm)
    y = librosa.clicks(times=times, sr=SR, length=int(seconds * SR))
    return (0.5 * y).astype(np.float32)


def tones():
    t = np.arange(4 * SR) / SR
    chord = sum(np.sin(2 * np.pi * hertz * t) for hertz in (261.6, 329.6, 392.0, 1046.5))
    return (0.2 * np.exp(-(t % 1)) * chord).astype(np.float32)


def noise():
    return np.random.default_rng(1).normal(0, 0.1, 3 * SR + 77).astype(np.float32)


def from_silence():
    y = music(4)
    y[: 2 * SR] = 0
    return y


def pure_tone():
    t = np.arange(3 * SR) / SR
    return (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)


def named(y):
    return dict(zip(COLUMNS, librosa_stats(y, SR), strict=True))


def as_people_write_it(y):
    """The 58 numbers as a notebook computes them: one call of librosa a descriptor."""
    harmony, perceptr = librosa.effects.hpss(y)
    descriptors = [
        librosa.feature.chroma_stft(y=y, sr=SR),
        librosa.feature.rms(y=y),
        librosa.feature.spectral_centroid(y=y, sr=SR),
        librosa.feature.spectral_bandwidth(y=y, sr=SR),
        librosa.feature.spectral_rolloff(y=y, sr=SR),
        librosa.feature.zero_crossing_rate(y),
        harmony,
        perceptr,
    ]
    row = [y.shape[0]]
    for descriptor in descriptors:
        row += [descriptor.mean(), descriptor.var()]
    row.append(np.ravel(librosa.beat.beat_track(y=y, sr=SR)[0])[0])
    for coefficient in librosa.feature.mfcc(y=y, sr=SR):
        row += [coefficient.mean(), coefficient.var()]
    return row


def as_people_wrote_it(y):
    """The same with librosa 0.7, in today's words: what it mirrored itself is mirrored before."""
    around = np.pad(y, 1024, mode="reflect")
    S = np.abs(librosa.stft(around, center=False))
    log_mel = librosa.power_to_db(librosa.feature.melspectrogram(S=S**2, sr=SR))
    descriptors = [
        librosa.feature.chroma_stft(S=S**2, sr=SR),
        librosa.feature.rms(y=around, center=False),
        librosa.feature.spectral_centroid(S=S, sr=SR),
        librosa.feature.spectral_bandwidth(S=S, sr=SR),
        librosa.feature.spectral_rolloff(S=S, sr=SR),
        librosa.feature.zero_crossing_rate(y),
        *(
            librosa.util.fix_length(librosa.istft(part), size=y.size)
            for part in librosa.decompose.hpss(librosa.stft(y, pad_mode="reflect"))
        ),
    ]
    row = [y.shape[0]]
    for descriptor in descriptors:
        row += [descriptor.mean(), descriptor.var()]
    onsets = librosa.onset.onset_strength(S=log_mel, sr=SR, aggregate=np.median)
    row.append(np.ravel(librosa.beat.beat_track(onset_envelope=onsets, sr=SR)[0])[0])
    for coefficient in librosa.feature.mfcc(S=log_mel):
        row += [coefficient.mean(), coefficient.var()]
    return row


def separate_by_hand(y):
    """Harmonic and percussive waveforms from the definition: 31-wide medians, mirrored edges."""
    spectrum = librosa.stft(np.pad(y, (0, 2048)))[:, : 1 + y.size // 512]
    S = np.abs(spectrum).astype(np.float64)

    def median(S):
        mirrored = np.pad(S, ((0, 0), (15, 15)), mode="symmetric")
        return np.median(np.lib.stride_tricks.sliding_window_view(mirrored, 31, axis=1), axis=-1)

    along_time, along_frequency = median(S), median(S.T).T
    mask = along_time**2 / (along_time**2 + along_frequency**2)
    return librosa.istft(spectrum * mask, length=y.size), librosa.istft(
        spectrum * (1 - mask), length=y.size
    )


# The header of GTZAN's features_30_sec.csv, between `filename` and `label`.
HEADER = """
length chroma_stft_mean chroma_stft_var rms_mean rms_var spectral_centroid_mean
spectral_centroid_var spectral_bandwidth_mean spectral_bandwidth_var rolloff_mean rolloff_var
zero_crossing_rate_mean zero_crossing_rate_var harmony_mean harmony_var perceptr_mean perceptr_var
tempo mfcc1_mean mfcc1_var mfcc2_mean mfcc2_var mfcc3_mean mfcc3_var mfcc4_mean mfcc4_var mfcc5_mean
mfcc5_var mfcc6_mean mfcc6_var mfcc7_mean mfcc7_var mfcc8_mean mfcc8_var mfcc9_mean mfcc9_var
mfcc10_mean mfcc10_var mfcc11_mean mfcc11_var mfcc12_mean mfcc12_var mfcc13_mean mfcc13_var
mfcc14_mean mfcc14_var mfcc15_mean mfcc15_var mfcc16_mean mfcc16_var mfcc17_mean mfcc17_var
mfcc18_mean mfcc18_var mfcc19_mean mfcc19_var mfcc20_mean mfcc20_var
"""


def test_columns_are_those_of_the_public_table():
    assert list(COLUMNS) == HEADER.split()


def test_the_header_is_that_of_the_public_table(gtzan_table):
    assert ["filename", *HEADER.split(), "label"] == list(gtzan_table[0])


def assert_near(row, expected):
    """Each value to 1e-4; a mean near zero to 1e-6 of what it is the mean of."""
    for name, found, value in zip(COLUMNS, row, expected, strict=True):
        near_zero = 0.0
        if name.endswith("_mean"):
            variance = expected[COLUMNS.index(name.replace("_mean", "_var"))]
            near_zero = 1e-6 * float(np.sqrt(value**2 + variance))
        assert found == pytest.approx(value, rel=1e-4, abs=near_zero), name


SIGNALS = {
    "music": music(10),
    "quiet music": music(4) * np.float32(1e-4),
    "music off zero": music(4) + np.float32(0.5),
    "music in 16 bits": np.round(music(4) * 32767).astype(np.float32) / 32768,
    "from silence": from_silence(),
    "tones": tones(),
    "pure tone": pure_tone(),
    "noise": noise(),
    "clicks": clicks(120, 6),
    "31 frames": music(1)[: 30 * 512],
    "32 frames": music(1)[: 32 * 512 - 1],
}


# Off zero the constant is so much the loudest that librosa finds no pitch, and says so.
@pytest.mark.filterwarnings("ignore:Trying to estimate tuning from empty frequency set")
@pytest.mark.parametrize("name", SIGNALS)
def test_equals_librosa_as_people_write_it(name):
    y = SIGNALS[name]
    row, expected = librosa_stats(y, SR), as_people_write_it(y)
    assert row[COLUMNS.index("tempo")] == expected[COLUMNS.index("tempo")]
    assert_near(row, expected)


@pytest.mark.filterwarnings("ignore:Trying to estimate tuning from empty frequency set")
@pytest.mark.parametrize("name", SIGNALS)
def test_equals_librosa_as_people_wrote_it(name):
    y = SIGNALS[name]
    row, expected = librosa_stats(y, SR, convention="librosa-0.7"), as_people_wrote_it(y)
    assert row[COLUMNS.index("tempo")] == expected[COLUMNS.index("tempo")]
    assert_near(row, expected)


def test_the_public_table_comes_back_from_audio(gtzan_table):
    path = Path(os.environ["SOUNDSTAGE_REFERENCE"], "gtzan", "audio", "country.00000.wav")
    if not path.is_file():
        pytest.skip("SOUNDSTAGE_REFERENCE's gtzan has no audio/country.00000.wav")
    y, sr = soundfile.read(path, dtype="float32")
    (printed,) = [r for r in gtzan_table if r["filename"].startswith("country.00000.")]
    expected = [float(printed[column]) for column in COLUMNS]
    found = librosa_stats(y, sr, convention="librosa-0.7")
    np.testing.assert_allclose(found, expected, rtol=2e-6)
    today = librosa_stats(y, sr)
    assert np.sum(np.abs(today / expected - 1) > 1e-3) == 12


@pytest.mark.parametrize("n", [1, 100, 2048, 30 * 512 - 1])
def test_a_clip_below_31_frames_by_the_old_convention(n):
    y = music(1)[:n]
    row = dict(zip(COLUMNS, librosa_stats(y, SR, convention="librosa-0.7"), strict=True))
    around = np.pad(y, 1024, mode="reflect")
    rms = librosa.feature.rms(y=around, center=False)
    assert row["rms_mean"] == pytest.approx(rms.mean(), rel=1e-6)
    S = np.abs(librosa.stft(around, center=False))
    centroid = librosa.feature.spectral_centroid(S=S, sr=SR)
    assert row["spectral_centroid_mean"] == pytest.approx(centroid.mean(), rel=1e-6)
    if n < 512:  # one frame, whose middle is the first sample
        assert row["harmony_var"] == row["perceptr_var"] == 0


def test_a_clip_below_31_frames_equals_librosa():
    y = music(1)[: 30 * 512 - 1]
    np.testing.assert_allclose(librosa_stats(y, SR), as_people_write_it(y), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("convention", ["librosa-0.10", "librosa-0.7"])
def test_both_ways_agree(monkeypatch, convention):
    y = music(4)
    for n_fft, hop_length in ((1024, 256), (2048, 256), (512, 128)):
        arguments = {"n_fft": n_fft, "hop_length": hop_length, "convention": convention}
        row = librosa_stats(y, SR, **arguments)
        with monkeypatch.context() as patch:
            patch.setattr(module, "in_tiles", lambda *_: False)
            assert_near(row, librosa_stats(y, SR, **arguments))


def test_frames_that_tiles_do_not_take():
    y = music(2)
    row = librosa_stats(y, SR, n_fft=1500, hop_length=500)
    centroid = librosa.feature.spectral_centroid(y=y, sr=SR, n_fft=1500, hop_length=500)
    assert row[COLUMNS.index("spectral_centroid_mean")] == pytest.approx(centroid.mean(), rel=1e-6)


def test_the_same_bytes_every_time():
    y = music(3)
    before = y.copy()
    assert librosa_stats(y, SR).tobytes() == librosa_stats(y.copy(), SR).tobytes()
    assert (y == before).all()


@pytest.mark.parametrize("n", [1000, 3 * SR])
def test_samples_that_are_no_numbers(n):
    y = music(3)[:n]
    y[500] = np.nan
    with pytest.raises(librosa.ParameterError, match="not finite"):
        librosa_stats(y, SR)


# Periods are whole hops: 117.5 and 123.0 bpm are the neighbours of 120.
@pytest.mark.parametrize("bpm", [100, 120])
def test_tempo_of_clicks(bpm):
    assert named(clicks(bpm, 10))["tempo"] == pytest.approx(bpm, rel=0.03)


def test_tempo_is_the_rhythm_of_most_bands():
    t = np.arange(8 * SR) / SR

    def beats(bpm):
        return np.exp(-((((t * bpm / 60 + 0.5) % 1 - 0.5) * 60 / bpm / 0.03) ** 2))

    chord = sum(np.sin(2 * np.pi * hertz * t) for hertz in (300, 600, 1200, 2400, 4000))
    hiss = np.random.default_rng(0).normal(0, 1e-4, t.size)
    y = 0.15 * beats(150) * chord + (1 + 3 * beats(100)) * hiss
    # The chord is the louder; the mean over bands, instead of their median, would follow it.
    assert named(y.astype(np.float32))["tempo"] == pytest.approx(100, rel=0.03)


def test_a_tone():
    t = np.arange(3 * SR) / SR
    row = named((0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32))
    assert row["length"] == 3 * SR
    assert row["rms_mean"] == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    assert row["spectral_centroid_mean"] == pytest.approx(1000, rel=0.1)
    assert row["zero_crossing_rate_mean"] == pytest.approx(2000 / SR, rel=0.02)
    assert row["harmony_var"] == pytest.approx(0.125, rel=0.05)
    assert row["perceptr_var"] < row["harmony_var"] / 100


def test_clicks_are_percussive():
    y = np.zeros(3 * SR, np.float32)
    y[SR // 4 :: SR // 2] = 0.9
    row = named(y)
    assert row["harmony_var"] < row["perceptr_var"] / 100


def test_silence():
    row = named(np.zeros(3 * SR, np.float32))
    assert row.pop("length") == 3 * SR
    assert row.pop("mfcc1_mean") == pytest.approx(-100 * np.sqrt(128))  # every band at -100 dB
    assert row["tempo"] == 0
    assert np.allclose(list(row.values()), 0, atol=1e-3)


def test_a_long_clip_keeps_its_length():
    n = 2**24 + 1  # the first that float32 does not hold
    assert int(librosa_stats(np.zeros(n, np.float32), SR, hop_length=2**17)[0]) == n


# Two and three frames are what scipy's own mirroring gets wrong.
@pytest.mark.parametrize("n", [100, 600, 1024, 1500, 2048, 15_359, 15_360])
def test_separation_of_short_clips(n):
    y = music(1)[:n]
    harmony, perceptr = separate_by_hand(y)
    row = named(y)
    for name, waveform in (("harmony", harmony), ("perceptr", perceptr)):
        assert row[f"{name}_mean"] == pytest.approx(waveform.mean(), rel=1e-3, abs=1e-6)
        assert row[f"{name}_var"] == pytest.approx(waveform.var(), rel=1e-3)


def test_parameters():
    y = music(2)
    hop = librosa_stats(y, SR, n_fft=1024, hop_length=256)
    centroid = librosa.feature.spectral_centroid(y=y, sr=SR, n_fft=1024, hop_length=256)
    assert hop[COLUMNS.index("spectral_centroid_mean")] == pytest.approx(centroid.mean(), rel=1e-6)
