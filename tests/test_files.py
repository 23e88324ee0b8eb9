import errno
import os
import resource
import tempfile
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest

from soundstage.errors import SoundstageError
from soundstage.files import refusal, write_bytes, write_json, write_parquet


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


def test_a_file_where_a_folder_must_be_is_told(tmp_path):
    (tmp_path / "data").touch()
    said = "cannot write .*/data/store/x.*: Not a directory; move away the file that is where a"
    with pytest.raises(SoundstageError, match=said):
        write_bytes(tmp_path / "data" / "store" / "x", b"x")
    (tmp_path / "folder" / "x").mkdir(parents=True)
    with pytest.raises(SoundstageError, match="Is a directory; move away the folder that is where"):
        write_bytes(tmp_path / "folder" / "x", b"x")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["x"]


def system_error(do):
    with pytest.raises(OSError) as raised:  # noqa: PT011, the number is looked at
        do()
    return raised.value


def test_what_the_system_refuses_is_told_with_what_to_do(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    error = system_error((file / "below").mkdir)
    assert refusal(error) == (
        f"cannot read or write {file}/below: Not a directory; "
        "move away the file that is where a folder must be"
    )
    error = system_error(lambda: file.mkdir(exist_ok=True))
    assert refusal(error).startswith(f"cannot read or write {file}: File exists; move away")
    error = system_error(lambda: pl.read_parquet(file / "below"))  # has no number
    assert "Not a directory" in refusal(error)
    assert refusal(error).endswith("; move away the file that is where a folder must be")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(file)])
    assert refusal(system_error(tempfile.mkdtemp)).endswith(
        f"in ['{file}']; set TMPDIR to a folder with room that you may write to"
    )
    assert refusal(system_error(lambda: os.close(-1))) is None  # a fault of the program


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "give yourself permission"),
        (errno.EROFS, "mount it to be written to, or move the project"),
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "make room"),
    ],
)
def test_each_reason_has_its_remedy(number, remedy):
    error = OSError(number, os.strerror(number), "/data/x", None, "/data/y")
    assert refusal(error).startswith(f"cannot read or write /data/y: {os.strerror(number)}; ")
    assert remedy in refusal(error)
