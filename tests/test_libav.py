"""Decoding in this process gives what the ffmpeg binary gives, or says that it is in doubt."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from soundstage import audio, libav
from soundstage.binary import decode as by_binary

FAST = {"max_seconds": 60, "timeout_seconds": 30}


@pytest.fixture(scope="module")
def binary(limits):
    return replace(limits, in_process=False)


def clip(sr, channels, n):
    """Return (n, channels) of chords with bursts of noise, different in each channel."""
    rng, t = np.random.default_rng(0), np.arange(n) / sr
    bursts = 0.2 * rng.standard_normal((n, channels)) * (np.sin(9 * t) > 0)[:, None]
    chord = sum(np.sin(2 * np.pi * hz * t) for hz in (220, 277.2, 329.6, 3000))
    return (0.15 * np.outer(chord, np.linspace(1, 0.5, channels)) + bursts).clip(-1, 1)


@pytest.fixture(scope="module")
def encode(tmp_path_factory, limits):
    """Return a function that writes a clip, by ffmpeg where it has options or is no WAV."""
    folder = tmp_path_factory.mktemp("clips")

    def encode(name, *options, sr=16000, channels=1, n=40001, subtype="PCM_16"):
        wav = folder / f"{sr}-{channels}-{n}-{subtype}.wav"
        if not wav.exists():
            soundfile.write(wav, clip(sr, channels, n), sr, subtype=subtype)
        if name == "wav":
            return wav
        file = folder / name
        command = [limits.ffmpeg, "-y", "-loglevel", "error", "-i", wav, *options, file]
        subprocess.run(command, check=True)
        return file

    return encode


def assert_same(file, sr, binary):
    """Both ways give the same float32 samples, bit for bit; the fast one is in no doubt."""
    expected, channels, _ = audio.decode(file, sr, binary)
    samples = libav.decode(file, sr, **FAST).samples
    assert samples.dtype == np.float32
    assert samples.shape == (len(expected), channels)
    np.testing.assert_array_equal(samples.mean(1), expected)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("sr", [16000, 22050, 44100])
def test_mp3(encode, binary, rate, channels, sr):
    assert_same(encode(f"{rate}-{channels}.mp3", sr=rate, channels=channels), sr, binary)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize(("rate", "channels"), [(22050, 1), (44100, 2)])
def test_wav(encode, binary, subtype, rate, channels):
    file = encode("wav", sr=rate, channels=channels, n=40003, subtype=subtype)
    for sr in (16000, 22050):
        assert_same(file, sr, binary)


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [("wav", "wav", "pcm_s16le"), ("said.mp3", "mp3", "mp3"), ("said.flac", "flac", "flac")],
)
def test_both_ways_say_what_they_have_decoded(encode, binary, name, container, codec):
    file = encode(name, sr=44100, channels=2)
    for found in (libav.decode(file, 16000, **FAST), by_binary(file, 16000, binary)):
        assert (found.container, found.codec, found.rate) == (container, codec, 44100)
        assert not found.noise
        assert found.read_to <= file.stat().st_size


def test_a_name_says_nothing_of_the_codec(encode, binary, tmp_path):
    """The binary says both in one log."""
    name = "a\n[info]   Stream #0:0: Audio: alac, 1 Hz, mono\n.wav"
    (tmp_path / name).write_bytes(encode("wav").read_bytes())
    found = by_binary(tmp_path / name, 16000, binary)
    assert (found.codec, found.rate) == ("pcm_s16le", 16000)


OTHERS = {
    "16.flac": (),
    "24.flac": ("-sample_fmt", "s32"),
    "vorbis.ogg": ("-c:a", "libvorbis"),
    "variable.mp3": ("-q:a", "4"),
    "no_header.mp3": ("-write_xing", "0", "-id3v2_version", "0"),
    "tags.mp3": ("-metadata", f"comment={'x' * 9999}", "-write_id3v1", "1"),
}


@pytest.mark.parametrize(("name", "options"), OTHERS.items(), ids=OTHERS)
def test_other_codecs_and_headers(encode, binary, name, options):
    assert_same(encode(name, *options, sr=44100, channels=2), 16000, binary)


@pytest.mark.parametrize("n", [100, 575, 1105, 1152, 1153, 32768, 65537])
def test_odd_lengths(encode, binary, n):
    """About an MP3 frame, an encoder's delay, and the pieces that are resampled at once."""
    for file in (encode("wav", n=n), encode(f"{n}.mp3", n=n)):
        for sr in (16000, 22050):
            assert_same(file, sr, binary)


@pytest.mark.parametrize("ending", ["mp3", "flac"])
def test_pictures_are_left_alone(encode, binary, ending):
    picture = ("-f", "lavfi", "-i", "testsrc=size=300x300:d=0.04")
    options = (*picture, "-map", "0", "-map", "1", "-c:v", "png", "-disposition:v", "attached_pic")
    file = encode(f"art.{ending}", *options, sr=44100, channels=2)
    assert b"\x89PNG" in file.read_bytes()
    assert_same(file, 16000, binary)


@pytest.mark.parametrize(("options", "n"), [((), 809 * 576), (("-write_xing", "0"), 811 * 576)])
def test_a_clip_of_magnatagatune_has_its_known_length(encode, binary, options, n):
    """LAME's header tells a decoder what to cut off: 809 frames of music, of 811 in the file."""
    file = encode("magna.mp3", "-b:a", "32k", *options, n=809 * 576)
    assert len(audio.decode(file, 16000, binary)[0]) == n
    assert len(libav.decode(file, 16000, **FAST).samples) == n


def joined(*files):
    return b"".join(file.read_bytes() for file in files)


@pytest.fixture(scope="module")
def doubtful(encode, tmp_path_factory):
    """Files that only the binary may judge, by what is doubtful about them."""
    stereo = encode("stereo.mp3", "-write_xing", "0", sr=44100, channels=2)
    mono = encode("mono.mp3", "-write_xing", "0", sr=44100)
    slow = encode("slow.mp3", "-write_xing", "0", sr=22050, channels=2)
    ogg = encode("one.ogg", "-c:a", "libvorbis", sr=44100, channels=2, n=120_000)
    half = len(stereo.read_bytes()) // 2
    damaged = bytearray(stereo.read_bytes())
    damaged[half : half + 3000] = np.random.default_rng(0).bytes(3000)
    contents = {
        "stereo then mono": joined(stereo, mono),
        "mono then stereo": joined(mono, stereo),
        "two rates": joined(stereo, slow),
        "damaged": bytes(damaged),
        "junk": joined(stereo) + np.random.default_rng(0).bytes(5000),
        "chained": joined(ogg, ogg),
        "wav cut in a sample": encode("wav", sr=44100, channels=2).read_bytes()[:50_001],
        "flac cut in a frame": encode("cut.flac").read_bytes()[:-1000],
        "mp3 cut between frames": joined(encode("cut.mp3"))[:-2880],
        "mu-law": encode("wav", subtype="ULAW").read_bytes(),
        "a million hertz": encode("wav", sr=1_000_000, n=200_000).read_bytes(),
        "mp4": encode("in.m4a").read_bytes(),
        "three channels": encode("wav", channels=3).read_bytes(),
        "two tracks": encode("two.ogg", "-map", "0", "-map", "0", "-c:a", "libvorbis").read_bytes(),
    }
    folder = tmp_path_factory.mktemp("doubtful")
    for name, content in contents.items():
        (folder / f"{name}.mp3").write_bytes(content)
    return {name: folder / f"{name}.mp3" for name in contents}


REASONS = {
    "stereo then mono": "changes its format, rate or channels",
    "mono then stereo": "changes its format, rate or channels",
    "two rates": "changes its format, rate or channels",
    "damaged": "Invalid data",
    "junk": "Invalid data",
    "chained": "jump in its timestamps",
    "wav cut in a sample": "Invalid PCM packet",
    "flac cut in a frame": "Invalid data",
    "mp3 cut between frames": "shorter than its header claims",
    "mu-law": "uncommon codec",
    "a million hertz": "uncommon sample rate",
    "mp4": "whitelist",
    "three channels": "more than two channels",
    "two tracks": "exactly one audio track",
}


@pytest.mark.parametrize("name", REASONS)
def test_in_doubt_the_binary_decides(doubtful, limits, binary, name, capfd):
    with pytest.raises(libav.DoubtfulError, match=REASONS[name]):
        libav.decode(doubtful[name], 16000, **FAST)
    assert capfd.readouterr() == ("", "")
    assert outcome(doubtful[name], limits) == outcome(doubtful[name], binary)


def test_limits_are_doubts(encode, tmp_path):
    file = encode("limits.mp3", n=32000)
    assert libav.decode(file, 16000, max_seconds=2, timeout_seconds=30).samples.shape == (32000, 1)
    with pytest.raises(libav.DoubtfulError, match=r"longer than 1\.9 s"):
        libav.decode(file, 16000, max_seconds=1.9, timeout_seconds=30)
    with pytest.raises(libav.DoubtfulError, match=r"Immediate exit|too long|beginning"):
        libav.decode(file, 16000, max_seconds=2, timeout_seconds=0)
    with pytest.raises(libav.DoubtfulError, match="more than 127999 bytes"):
        libav.decode(file, 16000, max_seconds=2, timeout_seconds=30, max_bytes=127_999)
    with pytest.raises(libav.DoubtfulError, match="uncommon sample rate"):
        libav.decode(file, 16000, max_seconds=2, timeout_seconds=30, rates=(22050, 48000))
    with pytest.raises(libav.DoubtfulError, match="regular file"):
        libav.decode(tmp_path, 16000, **FAST)


def test_common_files_start_no_process_and_forced_ones_do(encode, limits, binary, monkeypatch):
    file = encode("process.mp3")

    def refuse(*_, **__):
        raise AssertionError("not this way")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        y = audio.decode(file, 16000, limits).y
    with monkeypatch.context() as patch:
        patch.setattr(libav, "decode", refuse)
        np.testing.assert_array_equal(audio.decode(file, 16000, binary)[0], y)


def outcome(file, limits):
    try:
        y, channels, warnings = audio.decode(file, 16000, limits)
    except audio.RejectedAudioError as verdict:
        return verdict.reason, verdict.message
    return channels, y.tobytes(), warnings


@pytest.mark.parametrize("ending", ["mp3", "wav", "flac", "ogg"])
def test_damage_of_any_kind_makes_no_difference(encode, limits, binary, tmp_path, ending):
    options = ("-c:a", "libvorbis") if ending == "ogg" else ()
    whole = encode(f"whole.{ending}", *options, n=20000).read_bytes()
    rng = np.random.default_rng(0)
    file = tmp_path / f"a.{ending}"
    for i in range(12):
        content, at = bytearray(whole), int(rng.integers(len(whole)))
        match i % 4:
            case 0:  # bits in the header
                content[int(rng.integers(100))] ^= 1 << int(rng.integers(8))
            case 1:  # bits anywhere
                for _ in range(8):
                    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
            case 2:  # an end
                del content[at:]
            case 3:  # a hole
                del content[at : at + 700]
        file.write_bytes(content)
        assert outcome(file, limits) == outcome(file, binary)
