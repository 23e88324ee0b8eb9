"""Whatever libsndfile writes is decoded as libsndfile reads it, or refused."""

import os
import struct
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from sounds import SR, patched, signal, sound

from soundstage import audio, libsndfile
from soundstage.formats import FORMATS

SECONDS = 1.0
X = signal(SECONDS)
# Of coders with loss two decoders differ in how they round: at most by so much.
ROUNDED = {"IMA_ADPCM": 0.01, "MS_ADPCM": 0.02, "MPEG_LAYER_III": 1e-5, "VORBIS": 1e-5}
ROUNDED |= {"OPUS": 0.1}  # which is noise, of any decoder's own
# ffmpeg and libsndfile write it under one number, and not alike.
AMBIGUOUS = {("AU", "G721_32", "FILE"), ("AU", "G721_32", "BIG")}
UNWRITABLE = {"DWVW_12", "MPEG_LAYER_I", "MPEG_LAYER_II"}
OPENED = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"}


def pairs():
    for form in soundfile.available_formats():
        for subtype in soundfile.available_subtypes(form):
            for endian in ("FILE", "LITTLE", "BIG"):
                if not soundfile.check_format(form, subtype, endian) or subtype in UNWRITABLE:
                    continue
                if (form, subtype) != ("WAV", "MPEG_LAYER_III"):
                    yield form, subtype, endian


class Forward(soundfile.SoundFile):
    def seekable(self):
        return False  # of DWVW no place can be asked for


@pytest.fixture(params=[True, False], ids=["in process", "binary"])
def limits(limits, request):
    return replace(limits, in_process=request.param)


@pytest.mark.parametrize(("form", "subtype", "endian"), [*pairs()])
def test_whatever_libsndfile_writes(tmp_path, limits, form, subtype, endian):
    file = tmp_path / "a.wav"
    soundfile.write(file, X, SR, format=form, subtype=subtype, endian=endian)
    if form not in OPENED or (form, subtype, endian) in AMBIGUOUS:
        with pytest.raises(audio.RejectedAudioError) as verdict:
            audio.decode(file, SR, limits)
        assert verdict.value.reason == ("undecodable" if form not in OPENED else "disagree")
        return
    with Forward(file) as opened:
        expected = opened.read(2 * SR, dtype="float32")
    found = audio.decode(file, SR, limits)
    assert found.warnings == set()
    assert len(found.y) == len(expected)
    np.testing.assert_allclose(found.y, expected, rtol=0, atol=ROUNDED.get(subtype, 0))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_big_endian_wav_gives_its_twins_samples_bit_for_bit(tmp_path, limits, subtype, channels):
    y = signal(SECONDS, channels, sr=44100)
    clips = []
    for endian in ("BIG", "LITTLE"):
        soundfile.write(tmp_path / "a.wav", y, 44100, subtype=subtype, endian=endian)
        clips.append(audio.decode(tmp_path / "a.wav", SR, limits))
    assert clips[0].channels == channels
    np.testing.assert_array_equal(clips[0].y, clips[1].y)


@pytest.mark.parametrize("subtype", ["G721_32", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32"])
def test_what_ffmpeg_takes_for_another_coder_is_the_sound_that_was_coded(tmp_path, limits, subtype):
    """Two to four times its length, or 5 dB, is what ffmpeg makes of it."""
    (tmp_path / "a.wav").write_bytes(sound("WAV", subtype, X))
    y = audio.decode(tmp_path / "a.wav", SR, limits).y[: len(X)]
    assert 10 * np.log10(np.mean(X**2) / np.mean((y - X[: len(y), 0]) ** 2)) > 14


def wav(bits, block, content, channels=1):
    """Return a WAV of integers of so many bits in blocks of so many bytes."""
    form = struct.pack("<HHIIHH", 1, channels, SR, SR * block, block, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(content))
    return b"RIFF" + struct.pack("<I", 28 + 8 + len(content)) + b"WAVE" + chunks + content


def test_24_bits_in_words_of_32_are_no_words_of_24(tmp_path, limits):
    pcm = np.round(X[:, 0] * 2**31).astype("<i4") & ~255
    (tmp_path / "a.wav").write_bytes(wav(24, 4, pcm.tobytes()))
    found = audio.decode(tmp_path / "a.wav", SR, limits)
    np.testing.assert_allclose(found.y, pcm / 2.0**31, atol=2**-24)
    assert found.warnings == set()


def test_files_that_are_read_in_two_ways_are_refused(tmp_path, limits, monkeypatch):
    (tmp_path / "a.wav").write_bytes(sound("WAV", y=X))
    claim = libsndfile.claim(tmp_path / "a.wav")
    for other in (claim._replace(rate=22050), claim._replace(channels=2)):
        with monkeypatch.context() as patch:
            patch.setattr(libsndfile, "claim", lambda _, other=other: other)
            with pytest.raises(audio.RejectedAudioError, match="as ffmpeg reads it") as verdict:
                audio.decode(tmp_path / "a.wav", SR, limits)
        assert verdict.value.reason == "disagree"


def test_a_rate_that_is_no_integer_is_no_disagreement(tmp_path, limits):
    """Old Macintoshes sampled at 22254.545 Hz: ffmpeg rounds that, and libsndfile cuts it off."""
    content = sound("AIFF", "PCM_16", X, sr=22254)
    at = content.index(b"COMM") + 16
    rate = struct.pack(">HQ", 16383 + 14, round(22254.5454 * 2 ** (63 - 14)))
    (tmp_path / "a.aiff").write_bytes(content[:at] + rate + content[at + 10 :])
    assert libsndfile.claim(tmp_path / "a.aiff").rate == 22254
    assert len(audio.decode(tmp_path / "a.aiff", 22255, limits).y) == len(X)


def test_another_stream_within_pcm_is_not_taken_for_pcm(tmp_path):
    """DTS comes in WAV as samples of 16 bits, and ffmpeg knows it."""
    (tmp_path / "a.wav").write_bytes(sound("WAV", y=X))
    claim = libsndfile.claim(tmp_path / "a.wav")
    assert claim.takes_for("pcm_s16le")
    assert claim.takes_for("pcm_s16be") is False
    assert claim.takes_for("dts") is None


def test_only_containers_that_are_allowed_are_opened(tmp_path, limits):
    (tmp_path / "a.au").write_bytes(sound("AU", "PCM_16", X, endian="LITTLE"))
    assert len(audio.decode(tmp_path / "a.au", SR, replace(limits, formats=["au"])).y) == len(X)
    with pytest.raises(audio.RejectedAudioError) as verdict:
        audio.decode(tmp_path / "a.au", SR, replace(limits, formats=["wav", "mp3"]))
    assert verdict.value.reason == "undecodable"
    assert {*libsndfile.CONTAINERS} <= {*FORMATS}


def test_a_file_that_only_libsndfile_reads_has_the_same_limits(tmp_path, limits):
    soundfile.write(tmp_path / "a.wav", signal(3, 2), SR, endian="BIG")
    for limit, (value, why) in {
        "max_seconds": (2.9, "too_long"),
        "min_seconds": (3.1, "too_short"),
        "max_bytes": (8 * 3 * SR - 1, "too_large"),
        "timeout_seconds": (1e-9, "timeout"),
        "max_channels": (1, "channels"),
        "min_rate": (SR + 1, "rate"),
        "max_rate": (SR - 1, "rate"),
    }.items():
        with pytest.raises(audio.RejectedAudioError) as verdict:
            audio.decode(tmp_path / "a.wav", SR, replace(limits, **{limit: value}))
        assert verdict.value.reason == why
    just = {"max_seconds": 3, "min_seconds": 3, "max_bytes": 8 * 3 * SR, "max_channels": 2}
    assert len(audio.decode(tmp_path / "a.wav", SR, replace(limits, **just)).y) == 3 * SR


def test_big_endian_wav_that_libsndfile_does_not_open_is_not_left_to_ffmpeg(tmp_path, limits):
    soundfile.write(tmp_path / "a.wav", X, SR, endian="BIG")
    (tmp_path / "a.wav").write_bytes(patched((tmp_path / "a.wav").read_bytes(), 22, ">H", 1025))
    assert libsndfile.claim(tmp_path / "a.wav") is None
    with pytest.raises(audio.RejectedAudioError) as verdict:
        audio.decode(tmp_path / "a.wav", SR, limits)
    assert verdict.value.reason == "undecodable"


def test_what_is_cut_off_is_said_whoever_reads_it(tmp_path, limits):
    soundfile.write(tmp_path / "a.wav", X, SR, endian="BIG")
    os.truncate(tmp_path / "a.wav", 44 + SR)
    found = audio.decode(tmp_path / "a.wav", SR, limits)
    assert (len(found.y), found.warnings) == (SR // 2, {"truncated"})


def test_damage_is_left_to_ffmpeg_which_says_it(tmp_path, limits):
    content = bytearray(sound("WAV", "MS_ADPCM", signal(4.0)))
    content[20_000:20_200] = bytes([255]) * 200
    (tmp_path / "a.wav").write_bytes(content)
    assert "damaged" in audio.decode(tmp_path / "a.wav", SR, limits).warnings


def test_nothing_is_opened_that_is_no_container_of_audio(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"text")
    assert libsndfile.claim(tmp_path / "a.wav") is None
    assert libsndfile.claim(tmp_path / "gone.wav") is None
