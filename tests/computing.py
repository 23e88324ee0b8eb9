"""A feature to build, and ways to compute its rows that worker processes can import."""

import faulthandler
import hashlib
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from soundstage.errors import SoundstageError
from soundstage.store.description import Description
from soundstage.store.shards import Rejection, Row

DESCRIPTION = Description(
    name="length",
    kind="length",
    source="files",
    source_fingerprint="",
    parameters={"n": 1},
    code={"features/length.py": "f" * 32},
    libraries={},
    axes=("sample",),
    dtype="int64",
    unit="1",
    sample_rate=16000,
)


def keys(n):
    return [hashlib.sha256(str(i).encode()).hexdigest()[:32] for i in range(n)]


def content(folder):
    return {f.name: f.read_bytes() for f in folder.iterdir()}


@dataclass(frozen=True)
class Compute:
    """Leaves a file for every row that it computes; rejects keys that begin with a digit 0."""

    log: Path

    def __call__(self, _prefix, wanted):
        for key in wanted:
            (self.log / f"{key}.{time.time_ns()}").touch()
            if key.startswith("0"):
                yield Rejection(key, "empty", "has none")
            else:
                yield Row(key, np.full(int(key[0], 16), int(key[1], 16)))


@dataclass(frozen=True)
class Fail(Compute):
    """As Compute, but fails at one key."""

    at: str = ""

    def __call__(self, prefix, wanted):
        for result in super().__call__(prefix, wanted):
            if result.key == self.at:
                raise SoundstageError("that one")
            yield result


@dataclass(frozen=True)
class Die(Compute):
    """As Compute, but one key ends the process by a signal; the first time only, or always."""

    at: str = ""
    by: int = signal.SIGSEGV
    once: bool = False

    def __call__(self, prefix, wanted):
        for result in super().__call__(prefix, wanted):
            if result.key == self.at and not (self.once and self.died.exists()):
                self.died.touch()
                _die(self.by)
            yield result

    @property
    def died(self):
        return self.log.with_name("died")


def _die(by=signal.SIGSEGV):
    """End this process, without a traceback and a core file."""
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.kill(os.getpid(), by)
    time.sleep(10)


@dataclass(frozen=True)
class Late(Compute):
    """As Compute, but one key takes too long."""

    at: str = ""

    def __call__(self, prefix, wanted):
        for result in super().__call__(prefix, wanted):
            late = result.key == self.at
            yield Rejection(result.key, "timeout", "took more than 1 s") if late else result


@dataclass(frozen=True)
class DieBesideLate(Compute):
    """As Compute, but one key takes two seconds, too long, and others end the process at once."""

    late: str = ""
    deadly: tuple[str, ...] = ()

    def __call__(self, prefix, wanted):
        for result in super().__call__(prefix, wanted):
            if result.key in self.deadly:
                _die()
            if result.key == self.late:
                time.sleep(2)
                yield Rejection(result.key, "timeout", "took more than 1 s")
            else:
                yield result


@dataclass(frozen=True)
class Exit(Compute):
    """As Compute, but one key ends the process in an orderly way."""

    at: str = ""

    def __call__(self, prefix, wanted):
        for result in super().__call__(prefix, wanted):
            if result.key == self.at:
                os._exit(3)
            yield result


@dataclass(frozen=True)
class Slow(Compute):
    """As Compute, but every row takes a while."""

    SECONDS: ClassVar[float] = 0.3

    def __call__(self, prefix, wanted):
        for result in super().__call__(prefix, wanted):
            time.sleep(self.SECONDS)
            yield result


@dataclass(frozen=True)
class DeadOnArrival(Compute):
    """As Compute, but a worker that unpickles it dies; the first time only, or always."""

    once: bool = False

    def __reduce__(self):
        return (_arrive, (self.log,)) if self.once else (os.abort, ())


def _arrive(log):
    died = log.with_name("died")
    if not died.exists():
        died.touch()
        os.abort()
    return Compute(log)
