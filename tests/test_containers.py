"""Containers are known by how they begin, wherever that is; tags are read past."""

import io

import numpy as np
import pytest
from sounds import ape_tag, encoded, flac, id3, id3v1, mp3, ogg, sound, wav

from soundstage import containers

BEGINNINGS = {
    "wav": wav,
    "aiff": lambda: sound("AIFF"),
    "w64": lambda: sound("W64"),
    "caf": lambda: sound("CAF"),
    "au": lambda: sound("AU"),
    "flac": flac,
    "ogg": ogg,
    **{
        name: lambda ending=ending: encoded()[f"coded.{ending}"]
        for name, ending in {
            "mov": "m4a",
            "asf": "wma",
            "matroska": "mka",
            "wv": "wv",
            "tta": "tta",
        }.items()
    },
}
OTHERS = {
    "wav": [lambda: sound("RF64", "PCM_16"), lambda: sound("WAV", endian="BIG")],
    "au": [lambda: sound("AU", endian="LITTLE")],
    "ogg": [lambda: sound("OGG", "OPUS"), lambda: encoded()["flac.ogg"]],
    "matroska": [lambda: encoded()["coded.webm"]],
    "mov": [lambda: encoded()["lossless.m4a"]],
}
ALL = list(BEGINNINGS.items())
ALL += [(k, f) for k, others in OTHERS.items() for f in others]


@pytest.mark.parametrize(("name", "content"), ALL, ids=[name for name, _ in ALL])
def test_every_container_is_known_and_found(name, content):
    content = content()
    assert containers.container(content[:64]) == name
    noise = np.random.default_rng(0).bytes(3 * 2**20)
    # About the places where one block that is searched ends and the next begins.
    for at in (0, 1, 1000, 2**20 - 5, 2**20 - 1, 2**20, 2**20 + 2, len(noise)):
        file = io.BytesIO(noise[:at] + content[:20_000] + noise[at:])
        assert containers.search(file, 0, 2**23) == (at, name)
        assert containers.search(file, at + 1, 2**23) is None
        assert containers.search(file, 0, at) is None


def test_an_mp3_is_found_by_its_header():
    noise = np.random.default_rng(0).bytes(2000)
    file = io.BytesIO(noise + mp3())
    first = mp3().index(b"\xff")
    assert containers.search(file, 0, 10**6) == (2000 + first, "mp3")
    assert containers.search(file, 0, 10**6, {"mp3"}) is None
    named = io.BytesIO(noise + b"Info\0\0\0\x0f" + noise)  # around it is no frame
    assert containers.search(named, 0, 10**6) is None


def test_what_is_not_looked_for():
    both = io.BytesIO(bytes(100) + ogg() + wav())
    assert containers.search(both, 0, 10**7) == (100, "ogg")
    assert containers.search(both, 0, 10**7, {"ogg_vorbis"}) == (100 + len(ogg()), "wav")
    assert containers.search(both, 0, 10**7, {"ogg_opus"}) == (100, "ogg")


@pytest.mark.parametrize("name", ["flac.ogg", "coded.mka"])
def test_where_a_container_quotes_flac_none_begins(name):
    content = encoded()[name]
    if name == "coded.mka":
        content = content[:500] + flac()[:42] + content[500:]
    assert containers.search(io.BytesIO(content), 1, len(content)) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"RIFFxxxxAVI ", b"FORMxxxx8SVX", b"OggS", b"ID3\3\0\0", bytes(64), mp3()],
    ids=["empty", "short", "avi", "iff", "page", "tag", "zeros", "mp3"],
)
def test_what_begins_none(content):
    assert containers.container(content[:64]) == ""


TAGS = [id3(bytes(40_000)), ape_tag(bytes(999), header=True), id3v1()]


@pytest.mark.parametrize("tags", [TAGS[:1], TAGS[1:], TAGS, TAGS[:1] * 3])
def test_tags_end_where_the_audio_begins(tags):
    front = b"".join(tags)
    assert containers.tags_end(io.BytesIO(front + wav())) == len(front)
    assert containers.tags_end(io.BytesIO(wav() + front), len(wav())) == len(wav() + front)


@pytest.mark.parametrize("tags", [[ape_tag()], [ape_tag(header=True), id3v1()], [id3v1()], []])
def test_tags_start_where_the_audio_ends(tags):
    content = wav() + b"".join(tags)
    assert containers.tags_start(io.BytesIO(content), len(content)) == len(wav())


def test_an_id3_chunk_is_no_tag():
    assert not containers.is_tag(b"ID3 " + bytes(60))
    assert containers.tags_end(io.BytesIO(b"ID3 " + bytes(60))) == 0


def test_tags_that_lie_lead_nowhere_and_end():
    endless = b"APETAGEX" + bytes(24)
    assert containers.tags_start(io.BytesIO(wav() + endless), len(wav()) + 32) > 0
    huge = b"APETAGEX" + b"\xff" * 24
    assert containers.tags_start(io.BytesIO(wav() + huge), len(wav()) + 32) == 0
    assert containers.tags_end(io.BytesIO(huge)) > 2**31
    assert containers.tags_end(io.BytesIO(endless * 10_000)) <= 32 * 10_000
