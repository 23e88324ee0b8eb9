"""Files are written whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from soundstage.errors import SoundstageError


@contextmanager
def whole_or_not_at_all(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`, and rename it to `path` when the block succeeds.

    The file is synced before it is renamed. SoundstageError if the disk refuses it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SoundstageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file for people and `dvc metrics`: indented, in the order given; no NaN."""
    with whole_or_not_at_all(path) as temporary:
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", "utf-8")
