import errno

import pytest

from soundstage import scratch
from soundstage.errors import SoundstageError


def test_a_folder_lasts_as_long_as_it_is_needed():
    with scratch.folder() as folder:
        (folder / "a").write_bytes(b"a")
    assert not folder.exists()


def test_a_full_disk_is_no_fault_of_the_file():
    with pytest.raises(SoundstageError, match="make room there"), scratch.folder() as folder:
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not folder.exists()
    with pytest.raises(OSError, match="Input/output error"), scratch.folder():
        raise OSError(errno.EIO, "Input/output error")
