"""How every stage starts: with this checkout's `src` first on the path.

An editable install points at the main checkout; a queued experiment must run its own copy's code.
Before anything large is imported, which takes seconds, Ctrl-C is one line, the stage dies with its
DVC, and the code is noted as it is.
"""

import _signal  # not `signal`, which itself takes 10 ms
import os
import sys


def _interrupted(*_: object) -> None:
    """End as `interrupts` does, which is not imported yet."""
    os.write(2, b"error: interrupted; run again to go on: what is finished is kept\n")
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    os.kill(os.getpid(), _signal.SIGINT)


_DEBUG = "--debug" in sys.argv or os.environ.get("SOUNDSTAGE_DEBUG")
if not _DEBUG and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _interrupted)

from pathlib import Path  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from soundstage import interrupts  # noqa: E402

if not _DEBUG:
    interrupts.one_line_interrupts()

from soundstage import lifetime  # noqa: E402

lifetime.die_with_dvc()

from soundstage import changes  # noqa: E402
from soundstage.stage import run  # noqa: E402

changes.note_code()

__all__ = ["run"]
