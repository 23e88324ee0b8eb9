"""Frames of MPEG audio are as long as the coders that wrote them say."""

import subprocess

import av
import pytest
from sounds import mp3, ogg, wav

from soundstage import mpeg


def packets(file):
    with av.open(file) as container:
        return [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sr", [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("ending", ["mp3", "mp2"])
def test_every_frame_is_found(tmp_path, limits, ending, sr, channels):
    if ending == "mp2" and sr < 16000:
        pytest.skip("MPEG-2.5 has layer III only")
    (tmp_path / "in.wav").write_bytes(wav())
    form = ["-ar", str(sr), "-ac", str(channels)]
    words = ["-loglevel", "error", "-i", "in.wav", *form, f"out.{ending}"]
    subprocess.run([limits.ffmpeg, *words], cwd=tmp_path, check=True)
    content = (tmp_path / f"out.{ending}").read_bytes()
    found = packets(tmp_path / f"out.{ending}")
    for pos, size in found:
        frame = mpeg.frame(content, pos)
        assert (frame.length, frame.rate) == (size, sr)
        assert (frame.layer, frame.mono) == (int(ending[2]), channels == 1)
    first = mpeg.first_frame(content)
    assert first <= found[0][0]
    has_header = b"Info" in content or b"Xing" in content
    assert mpeg.is_header(content, first) == has_header == (ending == "mp3")
    if has_header:
        name = max(content.find(b"Info"), content.find(b"Xing"))
        assert mpeg.frame_around(content, name) == first
        assert mpeg.frame_around(content, name + 1) == -1
    assert not mpeg.is_header(content, found[3][0])


def test_headers_with_a_checksum_and_of_fraunhofer():
    plain = mp3(1.0)
    at = plain.index(b"\xff")
    frame = mpeg.frame(plain, at)
    start = plain[at : at + 4]
    with_crc = bytes([start[0], start[1] & 0xFE]) + start[2:] + b"\0\0" + plain[at + 4 :]
    assert mpeg.is_header(with_crc, 0)
    vbri = start + bytes(32) + b"VBRI" + bytes(frame.length - 40)
    assert mpeg.is_header(vbri, 0)
    assert not mpeg.is_header(start + bytes(frame.length), 0)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"\xff\xfb\x90", b"\xff" * 5000, bytes(5000), wav(), ogg()],
    ids=["empty", "a byte", "three bytes", "ones", "zeros", "wav", "ogg"],
)
def test_where_there_is_none(content):
    assert mpeg.first_frame(content) is None
    assert not mpeg.is_header(content, 0)


def test_no_frame_is_longer_than_what_is_looked_at():
    """Every header that there is; lengths in bytes are at most those of layer II and I."""
    words = (bytes([0xFF, b, c, 0]) for b in range(0xE0, 0x100) for c in range(256))
    lengths = [found.length for found in (mpeg.frame(word, 0) for word in words) if found]
    assert min(lengths) > 20
    assert max(lengths) == mpeg.LONGEST
