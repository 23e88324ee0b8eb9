import resource
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest

from soundstage.errors import SoundstageError
from soundstage.files import write_bytes, write_json, write_parquet


@contextmanager
def no_file_beyond(size):
    """Refuse to let a file of this process grow beyond `size` bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


TABLE = pl.DataFrame({"x": np.random.default_rng(0).random(200_000)})


@pytest.mark.parametrize(
    ("write", "content"),
    [(write_bytes, bytes(1_500_000)), (write_json, "x" * 1_500_000), (write_parquet, TABLE)],
)
def test_what_does_not_fit_is_named_with_its_size_and_what_stood_there_stays(
    tmp_path, write, content
):
    path = tmp_path / "file"
    write(path, content)
    size = path.stat().st_size
    assert size > 1_000_000
    path.write_text("before")
    about = rf"\(about {size / 1e6:.1f} MB\)"
    said = f"cannot write {path} {about}: File too large; make room and run again"
    with no_file_beyond(10_000), pytest.raises(SoundstageError, match=said):
        write(path, content)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_comes_back_with_its_metadata(tmp_path):
    write_parquet(tmp_path / "table", TABLE, {"soundstage": "said"})
    assert pl.read_parquet(tmp_path / "table").equals(TABLE)
    assert pl.read_parquet_metadata(tmp_path / "table")["soundstage"] == "said"
