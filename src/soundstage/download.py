"""Download a file: resumed after a break or a kill, checked, and there whole or not at all.

What has come so far lies beside the file as `<name>.part`, and how the server calls that version of
the file in `<name>.part.json`. By `If-Range` (RFC 9110, section 13.1.5) a server goes on where the
part ends if the file is still the same, and else sends all of it anew.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
import urllib3
from filelock import FileLock

from soundstage.errors import SoundstageError
from soundstage.files import refused, write_json
from soundstage.progress import progress

TRIES = 5  # see `download`
WAIT, LONGEST_WAIT = 2.0, 60.0  # seconds before the second try, doubled before each further one
TIMEOUT = 15.0, 60.0  # seconds until a server is connected, and between two pieces of its answer

_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}
_CHUNK = 2**20
_WORTH = 2**20  # bytes: who sends as much has not failed
_TRY_AGAIN = {408, 416, 425, 429, 500, 502, 503, 504}


class _AddressError(Exception):
    """An address that does not serve the file."""


class _BreakError(Exception):
    """What may go well in a second try; the server may say in how many seconds."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


@dataclass(frozen=True)
class _Version:
    """Which version of the file the part belongs to: "" and None where the server does not say."""

    url: str = ""
    validator: str = ""
    total: int | None = None


def download(
    urls: str | Sequence[str],
    target: Path,
    *,
    checksum: str,
    size: int | None = None,
    tries: int = TRIES,
) -> None:
    """Download a file, unless it is there already: then nothing is sent to anyone.

    Parameters
    ----------
    urls : http or https addresses of the same file, the best first; none if all are dead.
    checksum : md5, sha1 or sha256 in hexadecimal digits, as in "md5:03ef3cb8...". Reading 100 GB
        for it takes minutes: where the file is only wanted to be unpacked, ask
        `unpack.is_unpacked` first.
    size : in bytes, where known: an address that serves another size is not read.
    tries : in a row that bring nothing worth the name, after which the next address is asked. With
        1 nothing is waited for: of what is optional, so that a run without a network goes on.

    Raises
    ------
    SoundstageError
        No address works: the error says what to put where. Or a file is there, but not the right
        one; it is left alone.
    ValueError
        The checksum or an address is malformed.
    """
    addresses = [urls] if isinstance(urls, str) else list(urls)
    for url in addresses:
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"not an address of http or https: {url!r}")
    algorithm, _, digest = checksum.lower().partition(":")
    if len(digest) != _DIGITS.get(algorithm) or set(digest) - set("0123456789abcdef"):
        raise ValueError(f"a checksum is written 'md5:...', 'sha1:...' or 'sha256:...': {checksum}")

    if target.exists():
        found = _digest(target, algorithm)
        if found != digest:
            raise SoundstageError(
                f"{target}: its {algorithm} is {found}, not {digest}; put the right file there, or "
                "delete it to have it downloaded again"
            )
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if not target.exists():  # or another process has been faster
                _from_any(addresses, target, algorithm, digest, size, tries)
    except OSError as error:
        raise refused(target, error, size) from error


def _digest(path: Path, algorithm: str) -> str:
    if path.stat().st_size > 10**9:
        print(f"checking the {algorithm} of {path.name}", file=sys.stderr)
    with path.open("rb") as file:
        new = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return new.hexdigest()


def _from_any(
    addresses: Sequence[str],
    target: Path,
    algorithm: str,
    digest: str,
    size: int | None,
    tries: int,
) -> None:
    part = target.with_name(f"{target.name}.part")
    failures = []
    for url in addresses:
        try:
            for again in (True, False):
                in_pieces = _receive(url, part, size, tries)
                if _digest(part, algorithm) == digest:
                    with part.open("rb") as received:
                        os.fsync(received.fileno())
                    part.replace(target)
                    _about(part).unlink(missing_ok=True)
                    return
                _forget(part)
                if not (in_pieces and again):  # else they may be of different versions
                    raise _AddressError(f"its {algorithm} is wrong")
        except _AddressError as error:
            failures.append(f"{url}: {error}")
    why = "; ".join(failures) or "no address of it is known to work"
    raise SoundstageError(
        f"{target.name} cannot be downloaded ({why}); put {target.name} with {algorithm} {digest} "
        f"at {target}, or set the data set's `root` in params.yaml to the folder or archive that "
        "you have"
    )


def _receive(url: str, part: Path, size: int | None, tries: int) -> bool:
    """Receive all that is missing of the part; say whether it came in several pieces."""
    failures, furthest, in_pieces = 0, _length(part), _length(part) > 0
    while True:
        try:
            _receive_piece(url, part, size)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if isinstance(error, ValueError | requests.TooManyRedirects):  # a malformed address
                raise _AddressError(str(error)) from error
            problem = _BreakError(_innermost(error))
        except _BreakError as error:
            problem = error
        else:
            return in_pieces
        in_pieces |= _length(part) > 0
        came = _length(part) >= furthest + _WORTH
        failures = min(1, tries - 1) if came else failures + 1
        furthest = max(furthest, _length(part))
        if failures >= tries:
            raise _AddressError(str(problem)) from problem
        wait = min(max(WAIT * 2 ** max(0, failures - 1), problem.wait), LONGEST_WAIT)
        print(f"{url}: {problem}; trying again in {wait:g} s", file=sys.stderr)
        time.sleep(wait)


def _receive_piece(url: str, part: Path, size: int | None) -> None:
    """Ask for what is missing once, and append it to the part."""
    have, known = _length(part), _known(part)
    complete = size if size is not None else known.total
    if have and have == complete:
        return
    if complete is not None and have > complete:
        _forget(part)
        have = 0
    # Identity: what is compressed for the transfer alone has another length and no fixed bytes.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if known.url == url and known.validator:
            headers["If-Range"] = known.validator
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        start, total = _extent(answer, part, have)
        if None not in (size, total) and size != total:
            raise _AddressError(f"it has {total} bytes, not {size}")
        size = total if size is None else size
        part.parent.mkdir(parents=True, exist_ok=True)
        write_json(_about(part), asdict(_Version(url, _validator(answer), total)))
        name, done = part.name.removesuffix(".part"), start
        bar = progress(f"download {name}", _mb(size or 0), "MB", initial=_mb(start))
        with part.open("ab" if start else "wb") as file, bar:
            # Not `iter_content`, which would unpack a file that is served as an encoding.
            for chunk in answer.raw.stream(_CHUNK, decode_content=False):
                done += len(chunk)
                if size is not None and done > size:
                    raise _AddressError(f"it sends more than {size} bytes")
                file.write(chunk)
                bar.total = max(bar.total, _mb(done))  # of a length that no one has said
                bar.update(_mb(done) - bar.n)
    if size is not None and done < size:
        raise _BreakError(f"ended after {done} of {size} bytes")


def _extent(answer: requests.Response, part: Path, have: int) -> tuple[int, int | None]:
    """Return at which byte the answer starts, and how many the whole file has, if it is said."""
    status, headers = answer.status_code, answer.headers
    if status == 416:  # there is nothing after the part: it is of another, shorter file
        _forget(part)
    if status in _TRY_AGAIN:
        wait = headers.get("Retry-After", "")
        raise _BreakError(_status(answer), float(wait) if wait.isdecimal() else 0.0)
    if status == 206:
        unit, _, extent = headers.get("Content-Range", "").partition(" ")
        span, _, total = extent.partition("/")
        if unit != "bytes" or span.partition("-")[0] != str(have):
            raise _AddressError("it sends another part of the file than it was asked for")
        return have, int(total) if total.isdecimal() else None
    if status != 200:
        raise _AddressError(_status(answer))
    length = headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _status(answer: requests.Response) -> str:
    return f"HTTP {answer.status_code} {answer.reason or ''}".strip()


def _validator(answer: requests.Response) -> str:
    """Return what names this version of the file; weak ETags do not vouch for single bytes."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")


def _innermost(error: BaseException) -> str:
    """Return what the system said, which requests and urllib3 wrap up several times."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__


def _about(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _known(part: Path) -> _Version:
    try:
        return _Version(**json.loads(_about(part).read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return _Version()  # without it, the checksum tells whether the pieces fit together


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _about(part).unlink(missing_ok=True)


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _mb(n: int) -> int:
    return -(-n // 10**6)
