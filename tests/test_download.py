import hashlib
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from server import Status, serving

from soundstage import download as module
from soundstage.download import download
from soundstage.errors import SoundstageError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA1 = f"sha1:{hashlib.sha1(CONTENT).hexdigest()}"


@pytest.fixture
def server():
    with serving() as server:
        server.files["music.zip"] = CONTENT
        yield server


@pytest.fixture
def target(tmp_path):
    return tmp_path / "raw" / "music.zip"


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Nothing waits, no proxy is asked; the waits asked for."""
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setenv("NO_PROXY", "*")
    return waits


def begun(target, n, **about):
    """Leave what a killed download leaves."""
    part = target.with_name("music.zip.part")
    part.parent.mkdir()
    part.write_bytes(CONTENT[:n])
    if about:
        part.with_name("music.zip.part.json").write_text(json.dumps(about))


def ranges(server):
    return [request.get("Range") for request in server.requests]


def left_beside(target):
    return sorted(path.name for path in target.parent.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_a_file_is_downloaded_once_and_then_no_one_is_asked(server, target, algorithm):
    checksum = f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest().upper()}"
    for _ in range(2):
        download(server.url("music.zip"), target, checksum=checksum, size=len(CONTENT))
        assert target.read_bytes() == CONTENT
    assert left_beside(target) == ["music.zip"]
    assert len(server.requests) == 1


def test_a_wrong_file_that_is_there_is_left_alone(server, target):
    target.parent.mkdir()
    target.write_bytes(b"mine")
    with pytest.raises(SoundstageError, match=r"music\.zip: its sha1 is 8034c43d\S+, not .*delete"):
        download(server.url("music.zip"), target, checksum=SHA1)
    assert target.read_bytes() == b"mine"
    assert not server.requests


def test_breaks_are_resumed_where_they_happened(server, target, waits, capsys):
    server.faults = [1_200_000, Status(503), 0, 700_000, None]
    download(server.url("music.zip"), target, checksum=SHA1, size=len(CONTENT))
    assert target.read_bytes() == CONTENT
    assert ranges(server) == [None, *3 * ["bytes=1200000-"], "bytes=1900000-"]
    assert all(request["If-Range"] == '"1"' for request in server.requests[1:])
    assert waits == [2, 4, 8, 16]  # 0.7 MB are not worth a fresh start of the count
    said = capsys.readouterr().err
    assert "download music.zip: 3 of 3 MB" in said
    assert "HTTP 503 Service Unavailable; trying again in 4 s" in said


def test_who_sends_much_between_breaks_is_asked_for_more(server, target, waits):
    server.files["music.zip"] = content = 3 * CONTENT
    server.faults = 8 * [1_100_000]
    sha1 = f"sha1:{hashlib.sha1(content).hexdigest()}"
    download(server.url("music.zip"), target, checksum=sha1)
    assert waits == 8 * [2]


def test_a_server_may_say_how_long_to_wait(server, target, waits):
    server.faults, server.headers = [Status(429)], {"Retry-After": "7"}
    download(server.url("music.zip"), target, checksum=SHA1)
    assert waits == [7]


def test_a_killed_download_goes_on_from_where_it_was(server, target):
    server.pause = 0.02
    code = (
        "import sys; from pathlib import Path; from soundstage.download import download\n"
        "download(sys.argv[1], Path(sys.argv[2]), checksum=sys.argv[3])"
    )
    url, part = server.url("music.zip"), target.with_name("music.zip.part")
    process = subprocess.Popen(
        [sys.executable, "-c", code, url, target, SHA1], stderr=subprocess.DEVNULL
    )
    while not (part.exists() and part.stat().st_size > 1_000_000):
        assert process.poll() is None
        server.slow.wait(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    had = part.stat().st_size
    assert had < len(CONTENT)
    server.pause = 0
    download(url, target, checksum=SHA1)
    assert target.read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={had}-"]
    assert left_beside(target) == ["music.zip"]


def test_a_server_without_ranges_sends_all_again(server, target):
    begun(target, 1_000_000)
    server.ranges = False
    download(server.url("music.zip"), target, checksum=SHA1)
    assert target.read_bytes() == CONTENT
    assert ranges(server) == ["bytes=1000000-"]


def test_a_file_that_changed_since_is_sent_anew(server, target):
    old = {"url": server.url("music.zip"), "validator": '"0"', "total": len(CONTENT)}
    begun(target, 1_000_000, **old)
    target.with_name("music.zip.part").write_bytes(bytes(1_000_000))
    download(server.url("music.zip"), target, checksum=SHA1)
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert server.requests[0]["If-Range"] == '"0"'


def test_weak_tags_do_not_vouch_for_bytes_but_the_date_does(server, target):
    server.tag, server.faults = 'W/"1"', [100_000]
    download(server.url("music.zip"), target, checksum=SHA1)
    assert server.requests[1]["If-Range"] == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_pieces_that_do_not_fit_together_are_thrown_away_once(server, target):
    begun(target, 1_000_000)
    target.with_name("music.zip.part").write_bytes(bytes(1_000_000))
    download(server.url("music.zip"), target, checksum=SHA1)
    assert target.read_bytes() == CONTENT
    assert ranges(server) == ["bytes=1000000-", None]


def test_a_part_longer_than_the_file_is_thrown_away(server, target):
    begun(target, len(CONTENT))
    target.with_name("music.zip.part").write_bytes(bytes(len(CONTENT) + 5))
    download(server.url("music.zip"), target, checksum=SHA1)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("known", [{"size": len(CONTENT)}, {}])
def test_a_part_that_is_whole_needs_no_network(server, target, known):
    begun(target, len(CONTENT), url="", validator="", total=len(CONTENT))
    download(server.url("music.zip"), target, checksum=SHA1, **known)
    assert target.read_bytes() == CONTENT
    assert not server.requests


def test_a_torn_note_on_the_part_is_no_crash(server, target):
    begun(target, 1_000_000)
    target.with_name("music.zip.part.json").write_text('{"url": ')
    download(server.url("music.zip"), target, checksum=SHA1)
    assert ranges(server) == ["bytes=1000000-"]


def test_a_file_that_is_served_as_an_encoding_is_not_unpacked(server, target):
    server.headers = {"Content-Encoding": "gzip"}
    download(server.url("music.zip"), target, checksum=SHA1)
    assert target.read_bytes() == CONTENT
    assert server.requests[0]["Accept-Encoding"] == "identity"


def test_a_file_of_unknown_length_is_read_to_its_end(server, target, capsys):
    server.says_length = False
    download(server.url("music.zip"), target, checksum=SHA1)
    assert target.read_bytes() == CONTENT
    assert "download music.zip: 3 of 3 MB" in capsys.readouterr().err


def test_mirrors_are_tried_in_turn_and_share_what_has_come(server, target, waits):
    server.files["copy.zip"] = CONTENT
    server.faults = [1_500_000, *4 * [Status(500)]]
    urls = [server.url("none.zip"), server.url("music.zip"), server.url("copy.zip")]
    server.faults.insert(0, None)
    download(urls, target, checksum=SHA1)
    assert target.read_bytes() == CONTENT
    assert ranges(server)[-1] == "bytes=1500000-"
    assert server.requests[-1]["If-Range"] is None  # the mirror has names of its own
    assert len(waits) == 4


def test_where_no_address_works_the_error_says_what_to_put_where(server, target, waits):
    server.files |= {"long.zip": CONTENT + b"more", "other.zip": CONTENT[::-1]}
    server.faults = [None, None, None, *5 * [Status(502)]]
    urls = [server.url(name) for name in ("none.zip", "long.zip", "other.zip", "music.zip")]
    with pytest.raises(SoundstageError) as error:
        download(urls, target, checksum=SHA1, size=len(CONTENT))
    said = str(error.value)
    assert "none.zip: HTTP 404 Not Found; " in said
    assert "long.zip: it has 3000004 bytes, not 3000000; " in said
    assert "other.zip: its sha1 is wrong; " in said
    assert "music.zip: HTTP 502 Bad Gateway); " in said
    assert f"put music.zip with sha1 {SHA1[5:]} at {target}, or set the data set's `root`" in said
    assert waits == [2, 4, 8, 16]
    assert left_beside(target) == []


def test_a_server_that_sends_more_than_the_size_is_not_read_on(server, target):
    server.files["music.zip"], server.says_length = 3 * CONTENT, False
    with pytest.raises(SoundstageError, match="it sends more than 3000000 bytes"):
        download(server.url("music.zip"), target, checksum=SHA1, size=len(CONTENT))
    assert target.with_name("music.zip.part").stat().st_size <= len(CONTENT)


def test_another_range_than_asked_for_is_not_appended(server, target):
    begun(target, 1_000_000)
    server.headers = {"Content-Range": "bytes 5-9/10"}
    with pytest.raises(SoundstageError, match="another part of the file than it was asked for"):
        download(server.url("music.zip"), target, checksum=SHA1)
    assert target.with_name("music.zip.part").read_bytes() == CONTENT[:1_000_000]


def test_a_server_that_falls_silent_is_given_up(server, target, monkeypatch, waits):
    monkeypatch.setattr(module, "TIMEOUT", (1.0, 0.05))
    server.pause = 0.4
    with pytest.raises(SoundstageError, match=r"timed out\); put music\.zip"):
        download(server.url("music.zip"), target, checksum=SHA1, tries=2)
    assert waits == [2]


def test_what_is_tried_once_is_not_waited_for(server, target, waits):
    server.faults = [Status(503)]
    with pytest.raises(SoundstageError, match="HTTP 503 Service Unavailable"):
        download(server.url("music.zip"), target, checksum=SHA1, tries=1)
    assert not waits
    download(server.url("music.zip"), target, checksum=SHA1, tries=1)
    assert target.read_bytes() == CONTENT


def test_what_is_tried_once_goes_on_as_long_as_something_comes(server, target, waits):
    server.faults = [1_500_000]
    download(server.url("music.zip"), target, checksum=SHA1, tries=1)
    assert target.read_bytes() == CONTENT
    assert waits == [2]


def test_no_connection_is_said_in_the_systems_words(target):
    with serving() as gone:
        url = gone.url("music.zip")
    with pytest.raises(SoundstageError, match=r"Connection refused\); put music\.zip"):
        download(url, target, checksum=SHA1)


def test_a_dead_host_is_not_asked(target):
    with pytest.raises(SoundstageError, match=r"no address of it is known to work\); put music"):
        download([], target, checksum=SHA1)


def test_a_redirection_to_something_else_than_http_is_not_followed(server, target, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    server.faults, server.headers = [Status(302)], {"Location": secret.as_uri()}
    with pytest.raises(SoundstageError, match="No connection adapters"):
        download(server.url("music.zip"), target, checksum=SHA1)
    assert not target.exists()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "/etc/passwd"])
def test_addresses_are_of_the_web(target, url):
    with pytest.raises(ValueError, match="not an address of http"):
        download(url, target, checksum=SHA1)


@pytest.mark.parametrize(
    "checksum", ["", "sha1:", "md5:xyz", "crc32:01234567", SHA1[5:], SHA1[:-1]]
)
def test_a_malformed_checksum_is_misuse(target, checksum):
    with pytest.raises(ValueError, match="a checksum is written"):
        download([], target, checksum=checksum)


def test_a_disk_that_refuses_is_said(server, target):
    target.parent.write_bytes(b"a file where a folder should be")
    with pytest.raises(SoundstageError, match=r"cannot write .*music\.zip \(about 3\.0 MB\)"):
        download(server.url("music.zip"), target, checksum=SHA1, size=len(CONTENT))
