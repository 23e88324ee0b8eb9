"""All of a file's audio is read, or it is refused, or what is left out is said."""

import os
import struct
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from sounds import SECONDS, SR, ape_tag, encoded, id3, id3v1, mp3, patched, signal, sound, wav

from soundstage import audio, layout, scratch

A, B = signal(1.0), 0.5 * signal(1.5)
CHUNKED = {
    "wav": ("WAV", "PCM_16"),
    "24.wav": ("WAV", "PCM_24"),
    "adpcm.wav": ("WAV", "IMA_ADPCM"),
    "rifx.wav": ("WAV", "PCM_16", "BIG"),
    "rf64.wav": ("RF64", "PCM_16"),
    "wavex.wav": ("WAVEX", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "aifc": ("AIFF", "FLOAT"),
    "w64": ("W64", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "dns.au": ("AU", "PCM_16", "LITTLE"),
}
TEXT = b"Thank you for listening to this.\n"


@pytest.fixture(params=[True, False], ids=["in process", "binary"])
def limits(limits, request):
    return replace(limits, in_process=request.param)


@pytest.fixture
def decode(tmp_path, limits):
    """Return a function that decodes a file's content, and leaves nothing behind."""

    def run(content, sr=SR):
        (tmp_path / "a.audio").write_bytes(content)
        return audio.decode(tmp_path / "a.audio", sr, limits)

    return run


@pytest.fixture
def reason(decode):
    def run(content):
        with pytest.raises(audio.RejectedAudioError) as verdict:
            decode(content)
        return verdict.value.reason

    return run


def chunked(name, y):
    container, subtype, *endian = CHUNKED[name]
    return sound(container, subtype, y, endian=(*endian, None)[0])


@pytest.mark.parametrize("name", CHUNKED)
def test_several_files_of_one_format_are_read_as_one(decode, name):
    one, other = chunked(name, A), chunked(name, B)
    expected = np.concatenate([decode(one).y, decode(other).y, decode(one).y])
    found = decode(one + other + one)
    np.testing.assert_array_equal(found.y, expected)
    assert found.warnings == {"joined"}


def test_pieces_are_resampled_as_one(decode):
    y = np.concatenate([A, B])
    found, whole = decode(sound("WAV", None, A) + sound("WAV", None, B), 22050), sound("WAV", y=y)
    np.testing.assert_array_equal(found.y, decode(whole, 22050).y)


def test_several_chunks_of_data_are_read_as_one(decode):
    data = wav()[44:]
    for n in (len(data) // 2, 4001):  # of an odd length too, which is padded
        two = [data[:n], data[n:]]
        chunks = [b"data" + struct.pack("<I", len(x)) + x + bytes(len(x) % 2) for x in two]
        between = b"LIST" + struct.pack("<I", 4) + b"INFO"
        found = decode(wav()[:36] + between.join(chunks))
        np.testing.assert_array_equal(found.y, decode(wav()).y)
        assert found.warnings == {"joined"}


def test_pieces_with_tags_and_zeros_between_them(decode):
    found = decode(id3(bytes(99)) + wav() + id3v1() + wav() + bytes(5000) + wav() + id3(bytes(99)))
    np.testing.assert_array_equal(found.y, np.tile(decode(wav()).y, 3))
    assert found.warnings == {"joined", "trailing"}


def test_pieces_in_other_formats_are_refused(reason):
    assert reason(wav() + sound("WAV", "PCM_24")) == "more_audio"
    assert reason(wav() + sound("WAV", sr=22050)) == "more_audio"
    assert reason(wav() + sound("WAV", channels=2)) == "more_audio"
    assert reason(wav() + sound("WAV", endian="BIG")) == "more_audio"
    assert reason(sound("AIFF", "FLOAT") + sound("AIFF", "DOUBLE")) == "more_audio"
    assert reason(sound("CAF", "ALAC_16") + sound("CAF", "ALAC_16")) == "more_audio"
    assert reason(sound("AU") + sound("AU", "FLOAT")) == "more_audio"


FIRST = {name: lambda name=name: chunked(name, A) for name in ("wav", "aiff", "w64", "caf", "au")}
FIRST |= {"flac": lambda: sound("FLAC", y=A), "ogg": lambda: sound("OGG", "VORBIS", A)}
FIRST |= {"mp3": lambda: sound("MP3", y=A), "rf64": lambda: sound("RF64", "PCM_16", A)}
FIRST |= {
    x: lambda x=x: encoded()[f"coded.{x}"] for x in ("m4a", "opus", "wv", "tta", "mka", "wma")
}
# ffmpeg reads one behind the other, all of them.
CHAINED = "mp3", "ogg", "mka", "opus"
JOINED = "wav", "rf64", "aiff", "w64", "caf", "au"


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("second", FIRST)
def test_of_two_files_none_is_lost_without_a_word(tmp_path, limits, first, second):
    seconds = []
    one, other = FIRST[first](), FIRST[second]()
    for content in (one, other):
        (tmp_path / "a").write_bytes(content)
        seconds.append(len(audio.decode(tmp_path / "a", SR, limits).y) / SR)
    (tmp_path / "a").write_bytes(one + other)
    if first == second and first in (*CHAINED, *JOINED):
        found = audio.decode(tmp_path / "a", SR, limits)
        assert len(found.y) / SR == pytest.approx(sum(seconds), abs=0.15)
        assert found.warnings == ({"joined"} if first in JOINED else set())
        return
    with pytest.raises(audio.RejectedAudioError) as verdict:
        audio.decode(tmp_path / "a", SR, limits)
    # Of some ffmpeg says that too much is wrong in them.
    assert verdict.value.reason in {"more_audio", "undecodable"}


@pytest.mark.parametrize("name", CHUNKED)
def test_what_is_behind_is_said(decode, reason, rng, name):
    content = chunked(name, A)
    y, n = decode(content).y, len(content)
    for behind in (TEXT, TEXT * n, bytes(5000), bytes(3 * n), bytes(range(128, 228)) * 3):
        found = decode(content + behind)
        np.testing.assert_array_equal(found.y, y)
        assert found.warnings == {"trailing"}
    junk = rng.bytes(n // 5)
    if name == "au":  # its size is often wrong, and nothing says where it ends
        assert len(decode(content + junk).y) == len(y) + len(junk) // 2
    else:
        assert reason(content + junk) == "unclaimed"
    for tag in (id3(bytes(n)), id3v1(), ape_tag(bytes(n), header=True), ape_tag() + id3v1()):
        found = decode(content + tag)
        np.testing.assert_array_equal(found.y, y)
        assert found.warnings == set()


@pytest.mark.parametrize("name", CHUNKED)
def test_a_tag_in_front_is_read_past(decode, name):
    found = decode(id3(bytes(3000)) + chunked(name, A))
    np.testing.assert_array_equal(found.y, decode(chunked(name, A)).y)
    assert found.warnings == set()


@pytest.mark.parametrize("name", CHUNKED)
def test_what_is_cut_off_is_said_of_a_tagged_file_too(decode, name):
    content = chunked(name, A)
    for front in (b"", id3(bytes(99))):
        assert "truncated" in decode(front + content[: len(content) // 2]).warnings


def test_chunks_behind_the_data_are_no_junk(decode):
    chunk = b"LIST" + struct.pack("<I", 4) + b"INFO"
    assert decode(wav() + 3 * chunk).warnings == set()
    grown = patched(wav() + chunk, 4, "<I", len(wav()) + 4)
    assert decode(grown).warnings == set()
    assert decode(patched(wav(), 4, "<I", 0)).warnings == set()  # a writer that never came back


def test_two_streams_of_unknown_length_are_read_as_samples(decode):
    """Nothing says where the first ends: the second's header is a click."""
    stream = patched(wav(), b"data", "<I", 0xFFFFFFFF)
    assert len(decode(stream + stream).y) == 2 * SECONDS * SR + 22


JUNK = {
    "shoutcast": b"ICY 200 OK\r\nicy-name:radio\r\n\r\n",
    "text": TEXT * 5,
    "zeros": bytes(500),
    "noise": np.random.default_rng(0).bytes(2000),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
@pytest.mark.parametrize("front", [b"", id3(bytes(3000))], ids=["bare", "tagged"])
@pytest.mark.parametrize(("channels", "sr"), [(1, 16000), (2, 44100), (1, 8000)])
def test_junk_in_front_of_an_mp3_adds_no_delay(tmp_path, decode, front, junk, channels, sr):
    plain = mp3(1.0, channels, sr)
    (tmp_path / "plain.mp3").write_bytes(plain)
    found = decode(front + junk + plain, sr)
    np.testing.assert_array_equal(found.y, decode(plain, sr).y)
    assert len(found.y) == soundfile.info(tmp_path / "plain.mp3").frames == sr
    assert found.warnings == set()


def test_what_is_in_front_is_junk_only_where_ffmpeg_says_so(reason):
    """AAC is none, though no container begins there and an MP3 with a header follows."""
    assert reason(encoded()["coded.aac"] + mp3()) == "more_audio"
    assert reason(encoded()["coded.ac3"] + mp3()) == "more_audio"


def test_an_mp3_within_another_container_is_not_taken_out_of_it(tmp_path, limits):
    """AVI has frames of MP3, the first with a header, between others."""
    (tmp_path / "in.wav").write_bytes(wav())
    words = ["-loglevel", "error", "-i", "in.wav", "-c:a", "libmp3lame", "out.avi"]
    subprocess.run([limits.ffmpeg, *words], cwd=tmp_path, check=True)
    assert len(audio.decode(tmp_path / "out.avi", SR, limits).y) / SR == pytest.approx(5, abs=0.15)


def test_copies_are_deleted_and_no_larger_than_the_file(tmp_path, decode, monkeypatch):
    sizes = []
    readable = layout.readable

    def watched(path, found):
        sizes.append(sum(end - start for start, end in found.parts))
        return readable(path, found)

    monkeypatch.setattr(layout, "readable", watched)
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    for content in (wav() + wav(), id3(bytes(999)) + wav(), JUNK["text"] + mp3()):
        decode(content)
        assert 0 < sizes[-1] <= len(content)
    assert sizes[0] == 2 * len(wav()) - 44
    assert not list((tmp_path / "temporary").iterdir())


def test_a_chain_of_files_is_not_followed_for_long(reason):
    began = time.monotonic()
    assert reason(wav() + sound("WAV", y=A[:160]) * 2000) == "unclaimed"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["w64", "caf", "rf64.wav", "wav", "aiff"])
@pytest.mark.parametrize("byte", [0x00, 0x7F, 0xFF])
def test_no_size_in_a_header_leads_astray(tmp_path, name, byte):
    """Every eight bytes of the header in turn say nothing, or a size that no file has."""
    content = chunked(name, A)
    for at in range(4, 100):
        (tmp_path / "a").write_bytes(content[:at] + bytes([byte]) * 8 + content[at + 8 :])
        assert layout.look(tmp_path / "a").container in {name.rpartition(".")[2], ""}


def test_a_chunk_that_says_how_samples_are_coded_is_not_read_at_length(tmp_path):
    content = patched(chunked("caf", A), b"desc", ">q", -1)
    (tmp_path / "a.caf").write_bytes(content)
    os.truncate(tmp_path / "a.caf", 2**33)
    began = time.monotonic()
    assert layout.look(tmp_path / "a.caf").container == ""
    assert time.monotonic() - began < 1
