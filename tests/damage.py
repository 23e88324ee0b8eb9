"""Damage as a disk does it: behind the back of everything that looks at times."""

import os
from pathlib import Path


def flip(path: Path, at: int = 0, bit: int = 1) -> None:
    """Change a bit in place, and give the file its times back."""
    status = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ bit]))
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
