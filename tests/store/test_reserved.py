import io
import os

import numpy as np
import pytest

from soundstage.store.reserved import reserved


def test_it_is_as_a_file_in_memory(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "file"
    expected = io.BytesIO()
    with reserved(path, 10_000) as file:
        for _ in range(300):
            at, n = int(rng.integers(3000)), int(rng.integers(200))
            if rng.random() < 0.5:
                content = rng.bytes(n)
                for each in (file, expected):
                    each.seek(at)
                    assert each.write(content) == n
                    assert each.tell() == at + n
            else:
                read = []
                for each in (file, expected):
                    assert each.seek(-min(at, file.size), os.SEEK_END) >= 0
                    room = bytearray(n)
                    count = each.readinto(room)
                    read.append(bytes(room[:count]))
                assert read[0] == read[1]
        assert file.seek(0, os.SEEK_END) == len(expected.getvalue())
        file.truncate(1234)
    assert path.read_bytes() == expected.getvalue()[:1234]


def test_where_there_is_no_room_nothing_is_written(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space left"), reserved(tmp_path / "file", 10):
        pass
