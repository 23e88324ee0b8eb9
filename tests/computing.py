"""Ways to compute rows, in a module that worker processes can import."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from soundstage.errors import SoundstageError
from soundstage.store.shards import Rejection, Row


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
    """As Compute, but fails, or dies, at one key."""

    at: str = ""
    deadly: bool = False

    def __call__(self, prefix, wanted):
        for result in super().__call__(prefix, wanted):
            if result.key == self.at:
                if self.deadly:
                    os.kill(os.getpid(), 9)
                raise SoundstageError("that one")
            yield result


@dataclass(frozen=True)
class Late(Compute):
    """As Compute, but one key takes too long."""

    at: str = ""

    def __call__(self, prefix, wanted):
        for result in super().__call__(prefix, wanted):
            late = result.key == self.at
            yield Rejection(result.key, "timeout", "took more than 1 s") if late else result


@dataclass(frozen=True)
class Slow(Compute):
    """As Compute, but every row takes a while."""

    SECONDS: ClassVar[float] = 0.3

    def __call__(self, prefix, wanted):
        for result in super().__call__(prefix, wanted):
            time.sleep(self.SECONDS)
            yield result
