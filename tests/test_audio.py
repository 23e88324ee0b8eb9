import struct
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from sounds import SECONDS, SR, ape_tag, id3, id3v1, patched, signal, sound, wav

from soundstage import audio, diagnostics
from soundstage.errors import SoundstageError


@pytest.fixture(params=[True, False], ids=["in process", "binary"])
def limits(limits, request):
    """Everything here holds for both ways of decoding."""
    return replace(limits, in_process=request.param)


@pytest.fixture
def stereo(rng):
    return rng.uniform(-0.9, 0.9, (4410, 2)).astype(np.float32)


def test_downmix_is_the_plain_mean(tmp_path, stereo, limits):
    soundfile.write(tmp_path / "a.wav", stereo, 44100, subtype="FLOAT")
    y, channels, _ = audio.decode(tmp_path / "a.wav", 44100, limits)
    assert channels == 2
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, stereo.mean(1))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_lossless_files_agree_with_libsndfile(tmp_path, stereo, limits, subtype):
    soundfile.write(tmp_path / "a.wav", stereo, 22050, subtype=subtype)
    expected = soundfile.read(tmp_path / "a.wav", dtype="float32")[0].mean(1)
    y = audio.decode(tmp_path / "a.wav", 22050, limits).y
    np.testing.assert_allclose(y, expected, atol=1e-7)


def test_resampling_keeps_a_tone_and_the_duration(tmp_path, limits):
    t = np.arange(44100) / 44100
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 1000 * t), 44100)
    y = audio.decode(tmp_path / "a.wav", 16000, limits).y
    assert abs(len(y) - 16000) <= 1
    peak = np.abs(np.fft.rfft(y[:16000])).argmax()
    assert peak == 1000
    assert np.abs(y[2000:-2000]).max() == pytest.approx(0.5, abs=0.01)


def test_names_are_not_options_or_protocols(tmp_path, stereo, limits):
    for name in ("-i.wav", "a b's.wav", "concat:x|y.wav", "täst,=%d.wav"):
        soundfile.write(tmp_path / name, stereo, 22050)
        assert len(audio.decode(tmp_path / name, 22050, limits)[0]) == len(stereo)


@pytest.mark.parametrize(
    "content",
    [b"", b"text", bytes(4096), b"#EXTM3U\n/etc/hostname\n", b"ffconcat version 1.0\nfile a.wav\n"],
    ids=["empty", "text", "zeros", "playlist", "concat"],
)
def test_what_is_no_audio_is_rejected(tmp_path, content, limits):
    (tmp_path / "a.mp3").write_bytes(content)
    with pytest.raises(audio.RejectedAudioError) as verdict:
        audio.decode(tmp_path / "a.mp3", 16000, limits)
    assert verdict.value.reason in {"undecodable", "empty"}


def test_a_playlist_reads_nothing_else(tmp_path, stereo, limits):
    soundfile.write(tmp_path / "secret.wav", stereo, 22050)
    (tmp_path / "a.mp3").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'secret.wav'}\n")
    with pytest.raises(audio.RejectedAudioError):
        audio.decode(tmp_path / "a.mp3", 16000, limits)


def test_limits(tmp_path, limits):
    soundfile.write(tmp_path / "long.wav", np.zeros(22050 * 3), 22050)
    short = replace(limits, max_seconds=2)
    with pytest.raises(audio.RejectedAudioError, match="longer than 2 s"):
        audio.decode(tmp_path / "long.wav", 16000, short)
    hasty = replace(limits, timeout_seconds=1e-4)
    with pytest.raises(audio.RejectedAudioError) as verdict:
        audio.decode(tmp_path / "long.wav", 16000, hasty)
    assert verdict.value.reason == "timeout"


def reason(file, limits):
    with pytest.raises(audio.RejectedAudioError) as verdict:
        audio.decode(file, 16000, limits)
    return verdict.value.reason


def test_every_limit_has_its_reason(tmp_path, stereo, limits):
    file = tmp_path / "a.wav"
    soundfile.write(file, stereo, 22050)
    for limit, expected in {
        "min_seconds": (0.3, "too_short"),
        "max_seconds": (0.1, "too_long"),
        "max_bytes": (8 * 3199, "too_large"),
        "max_channels": (1, "channels"),
        "min_rate": (32000, "rate"),
        "max_rate": (16000, "rate"),
        "formats": (["mp3", "flac"], "undecodable"),
    }.items():
        value, why = expected
        assert reason(file, replace(limits, **{limit: value})) == why
    just = {"min_seconds": 0.2, "max_seconds": 0.2, "max_bytes": 8 * 3200, "max_channels": 2}
    just |= {"min_rate": 22050, "max_rate": 22050, "formats": ["wav"]}
    for in_process in (True, False):
        chosen = replace(limits, **just, in_process=in_process)
        assert audio.decode(file, 16000, chosen).channels == 2


def test_silence_is_a_warning_or_a_reason(tmp_path, limits, rng):
    file = tmp_path / "a.wav"
    soundfile.write(file, np.zeros(8000), 16000)
    assert audio.decode(file, 16000, limits).warnings == {"silent"}
    assert reason(file, replace(limits, silence="quarantine")) == "silent"
    soundfile.write(file, rng.integers(-1, 2, 8000).astype(np.int16), 16000)  # one step is a sound
    assert audio.decode(file, 16000, replace(limits, silence="quarantine")).warnings == set()


def test_channels_that_cancel_out_are_a_warning(tmp_path, stereo, limits):
    for right, expected in ((-1, {"antiphase"}), (-0.95, set()), (0, set())):
        soundfile.write(tmp_path / "a.wav", stereo[:, :1] * [1, right], 44100, subtype="FLOAT")
        assert audio.decode(tmp_path / "a.wav", 44100, limits).warnings == expected


def test_samples_out_of_scale_are_refused_and_loud_ones_said(tmp_path, limits, rng):
    y = rng.uniform(-0.9, 0.9, (8000, 2))
    y[100] = 1.0, -1.0
    for factor, expected in {
        1.9: set(),
        2.1: {"too_loud"},
        99: {"too_loud"},
        32768: "out_of_scale",
        1e38: "out_of_scale",
    }.items():
        soundfile.write(tmp_path / "a.wav", y * factor, 16000, subtype="FLOAT")
        if isinstance(expected, str):
            assert reason(tmp_path / "a.wav", limits) == expected
        else:
            assert audio.decode(tmp_path / "a.wav", 16000, limits).warnings == expected
    wide = replace(limits, max_peak=40_000.0)
    soundfile.write(tmp_path / "a.wav", y * 32768, 16000, subtype="FLOAT")
    assert audio.decode(tmp_path / "a.wav", 16000, wide).warnings == {"too_loud"}
    with pytest.raises(audio.RejectedAudioError, match="peak of 32768 times full scale"):
        audio.decode(tmp_path / "a.wav", 16000, limits)


def test_the_peak_is_that_of_the_channels(tmp_path, limits):
    """Those that cancel out are as far out of scale as others."""
    y = np.outer(np.full(8000, 200.0), [1, -1])
    soundfile.write(tmp_path / "a.wav", y, 16000, subtype="FLOAT")
    assert reason(tmp_path / "a.wav", limits) == "out_of_scale"


@pytest.mark.parametrize("dtype", ["int16", "float16", "float32"])
def test_the_share_beyond_full_scale_is_noted_of_every_dtype(rng, dtype):
    y = rng.uniform(-2, 2, 100_000).astype(np.float32)
    found = audio.level(y, audio.quantise(y, dtype))
    assert found["clipped"] == np.count_nonzero(np.abs(y) > 1) / y.size
    assert found["clipped"] == pytest.approx(0.5, abs=0.01)
    assert "snr_db" not in found
    at_most = np.array([1, -1, 0.5], np.float32)
    assert audio.level(at_most, audio.quantise(at_most, dtype))["clipped"] == 0


def test_what_is_noted_of_a_waveform(tmp_path, limits):
    (tmp_path / "a.wav").write_bytes(wav() + wav() + b"text")
    for dtype in audio.UNITS:
        stored, noted = audio.waveform(tmp_path / "a.wav", SR, dtype, limits)
        assert (stored.dtype, len(stored)) == (dtype, 2 * SECONDS * SR)
        assert {name for name in audio.WARNINGS if noted[name]} == {"joined", "trailing"}
        assert {"channels", "peak", "rms", "clipped", *audio.WARNINGS} <= noted.keys()


def test_all_that_is_said_has_its_words():
    assert {*audio.WARNINGS} <= diagnostics.WARNINGS.keys()


def test_what_is_cut_off_or_damaged_is_a_warning(tmp_path, limits, rng):
    whole = tmp_path / "a.flac"
    soundfile.write(whole, rng.uniform(-0.9, 0.9, 32000), 16000)
    content = whole.read_bytes()
    assert audio.decode(whole, 16000, limits).warnings == set()
    whole.write_bytes(content + b"\1" * 1000)  # behind the audio, not in it
    assert audio.decode(whole, 16000, limits).warnings == set()
    whole.write_bytes(content[:20000] + bytes(9000) + content[29000:])
    assert audio.decode(whole, 16000, limits).warnings == {"truncated", "damaged"}


@pytest.mark.parametrize(
    "tag", [id3(bytes(40_000)), ape_tag(bytes(40_000), header=True), id3v1(), ape_tag() + id3v1()]
)
@pytest.mark.parametrize("n", [80_000, 79_999])  # of one byte each: a chunk is padded to even
def test_a_tag_behind_a_wav_is_no_audio_that_its_header_leaves_out(tmp_path, limits, tag, n):
    content = sound("WAV", "PCM_U8", signal()[:n])
    assert len(content) == 44 + 80_000
    (tmp_path / "a.wav").write_bytes(content)
    (tmp_path / "tagged.wav").write_bytes(content + tag)
    plain, tagged = (audio.decode(tmp_path / f"{x}.wav", SR, limits) for x in ("a", "tagged"))
    assert len(plain.y) == n
    np.testing.assert_array_equal(tagged.y, plain.y)
    assert tagged.warnings == plain.warnings == set()
    if n % 2:  # some writers leave out the pad
        (tmp_path / "tagged.wav").write_bytes(content[:-1] + tag)
        np.testing.assert_array_equal(audio.decode(tmp_path / "tagged.wav", SR, limits).y, plain.y)


def test_an_id3_chunk_is_a_chunk_and_no_tag_at_the_end(tmp_path, limits):
    """The audio behind it counts: its size is still held against the file's."""
    chunk = b"ID3 " + struct.pack("<I", 200) + bytes(200)
    content = wav()[:12] + chunk + wav()[12:]
    (tmp_path / "a.wav").write_bytes(content)
    assert len(audio.decode(tmp_path / "a.wav", SR, limits).y) == SECONDS * SR
    (tmp_path / "a.wav").write_bytes(patched(content, b"data", "<I", 32_000))
    assert reason(tmp_path / "a.wav", limits) == "unclaimed"


def test_a_chain_of_empty_chunks_is_not_followed_for_long(tmp_path, limits):
    chunks = b"JUNK\0\0\0\0" * 200_000
    (tmp_path / "a.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVE" + chunks)
    began = time.monotonic()
    assert reason(tmp_path / "a.wav", limits) in {"undecodable", "unclaimed"}
    assert time.monotonic() - began < 5


def test_messages_are_the_same_in_every_run(tmp_path, limits, rng):
    """They go into shards, whose bytes must not depend on where ffmpeg has its memory."""
    (tmp_path / "a.mp3").write_bytes(rng.bytes(200_000))
    messages = set()
    for _ in range(3):
        with pytest.raises(audio.RejectedAudioError) as verdict:
            audio.decode(tmp_path / "a.mp3", 16000, limits)
        messages.add(verdict.value.message)
    assert len(messages) == 1
    assert "0x" not in messages.pop()


def test_no_samples_and_no_numbers_are_rejected(tmp_path, limits):
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 22050)
    with pytest.raises(audio.RejectedAudioError) as verdict:
        audio.decode(tmp_path / "none.wav", 22050, limits)
    assert verdict.value.reason in {"empty", "undecodable"}
    soundfile.write(tmp_path / "nan.wav", np.full(1000, np.nan), 22050, subtype="FLOAT")
    with pytest.raises(audio.RejectedAudioError) as verdict:
        audio.decode(tmp_path / "nan.wav", 22050, limits)
    assert verdict.value.reason == "not_finite"


def test_pcm8_rounds_and_clips():
    y = np.array([0, 0.5, -0.5, 1.0, -1.0, 1.7, 1 / 128, 0.4 / 128, 0.6 / 128], np.float32)
    stored = audio.quantise(y, "int8")
    assert stored.dtype == np.int8
    assert stored.tolist() == [0, 64, -64, 127, -128, 127, 1, 0, 1]


def test_int16_is_pcm8_with_finer_steps():
    y = np.array([0, 0.5, 1.0, -1.0, -1.7, 1 / 32768, 0.4 / 32768, 1.5 / 32768], np.float32)
    stored = audio.quantise(y, "int16")
    assert stored.dtype == np.int16
    assert stored.tolist() == [0, 16384, 32767, -32768, -32768, 1, 0, 2]


def test_a_16_bit_file_comes_back_from_int16(tmp_path, rng, limits):
    pcm = rng.integers(-32768, 32768, 5000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, 16000, subtype="PCM_16")
    y = audio.decode(tmp_path / "a.wav", 16000, limits).y
    np.testing.assert_array_equal(audio.quantise(y, "int16"), pcm)


def test_floats_are_the_nearest(rng):
    y = rng.uniform(-2, 2, 1000).astype(np.float32)
    np.testing.assert_array_equal(audio.quantise(y, "float32"), y)
    half = audio.quantise(y, "float16")
    assert half.dtype == np.float16
    for other in (np.nextafter(half, np.float16(9)), np.nextafter(half, np.float16(-9))):
        assert (np.abs(half - y) <= np.abs(other.astype(np.float32) - y)).all()
    assert audio.quantise(np.float32([1e6, -1e6]), "float16").tolist() == [65504, -65504]


def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        audio.quantise(np.zeros(1, np.float32), "uint8")


def test_pcm8_costs_what_theory_says(rng):
    """Uniform quantisation noise has the power of a step squared over 12."""
    y = rng.uniform(-0.9, 0.9, 100_000).astype(np.float32)
    found = audio.level(y, audio.quantise(y, "int8"))
    expected = 10 * np.log10((0.9**2 / 3) / ((1 / 128) ** 2 / 12))
    assert found["snr_db"] == pytest.approx(expected, abs=0.1)
    assert found["clipped"] == 0
    assert found["peak"] == pytest.approx(0.9, abs=1e-3)
    assert found["rms"] == pytest.approx(0.9 / 3**0.5, abs=1e-2)
    loud = audio.level(2 * y, audio.quantise(2 * y, "int8"))
    assert loud["clipped"] == pytest.approx(1 - 1 / 1.8, abs=0.01)


def test_an_unknown_system_ffmpeg_says_what_to_do(monkeypatch, tmp_path):
    audio.ffmpeg_binary.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Exception, match="install it or say 'bundled'"):
        audio.ffmpeg_binary("system")


@pytest.mark.parametrize(("dtype", "step"), [("int16", 2**-16), ("float16", 2**-12)])
def test_samples_are_what_was_quantised(rng, dtype, step):
    y = rng.uniform(-1, 1, 1000).astype(np.float32)
    back = audio.samples(audio.quantise(y, dtype))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, y, rtol=0, atol=step)


def test_features_read_pcm8_as_its_steps(rng):
    stored = audio.quantise(rng.uniform(-1, 1, 100), "int8")
    assert audio.samples(stored) is stored
    assert audio.UNITS.keys() == {"int8", "int16", "float16", "float32"}


def test_who_killed_ffmpeg_matters(tmp_path, limits):
    """A file that crashes it is rejected; somebody who ends it is no verdict on the file."""
    (tmp_path / "a.mp3").write_bytes(b"music")
    for kind, error in {"SEGV": audio.RejectedAudioError, "TERM": SoundstageError}.items():
        fake = tmp_path / f"ffmpeg-{kind}"
        fake.write_text(f"#!/bin/sh\nkill -{kind} $$\n")
        fake.chmod(0o755)
        with pytest.raises(error):
            audio.decode(tmp_path / "a.mp3", 16000, replace(limits, ffmpeg=str(fake)))
