"""What a report says of damage; how it is found and mended: tests/pipeline/test_upkeep.py."""

import errno
import os

import numpy as np

from soundstage.store.shards import Row
from soundstage.upkeep.verify import Claim, Report


def test_rows_that_the_disk_does_not_give_hide_no_other_damage(fill, tmp_path, monkeypatch):
    shard = next(
        fill("psd", [Row("0" * 32, np.ones(4, np.float32))], axes=("frame",)).shards()
    ).path
    gone = tmp_path / "gone.h5"

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", fail)
    claims = [Claim(path, "store", "sha256", "0" * 64) for path in (shard, gone)]
    assert Report(2, 100, claims, []).lines() == [
        f"{shard}: damaged (not readable)",
        f"{gone}: damaged (gone)",
        "2 files, 0.0 MB read: 2 damaged; run `soundstage repair`",
    ]
