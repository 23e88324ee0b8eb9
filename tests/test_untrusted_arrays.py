"""Files that were tampered with: they are compared with what they must hold before it is read."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from soundstage import untrusted_arrays
from soundstage.untrusted_arrays import Slot, UntrustedFileError, read

F4, F8, I4 = (np.dtype(name) for name in ("f4", "f8", "i4"))
LAYOUT = {
    "weight": Slot(F8, ("rows", 3)),
    "label": Slot(I4, ("rows",)),
    "scale": Slot(F4, ()),
}
ARRAYS = {
    "weight": np.arange(12.0).reshape(4, 3),
    "label": np.arange(4, dtype=np.int32),
    "scale": np.array(2, np.float32),
}


@pytest.fixture
def file(tmp_path):
    """Return a function that writes arrays, changed by some others, and says where."""

    def file(**changes):
        save_file({**ARRAYS, **changes}, tmp_path / "a.safetensors")
        return tmp_path / "a.safetensors"

    return file


def test_what_fits_is_read(file):
    found = read(file(), LAYOUT)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"more": np.zeros(2)}, r"a\.safetensors has an unknown more"),
        ({"weight": np.zeros((4, 2))}, r"weight is F64 \(4, 2\), not F64 \(rows, 3\)"),
        ({"weight": np.zeros(12)}, r"weight is F64 \(12\), not"),
        ({"weight": np.zeros((4, 3), np.float32)}, r"weight is F32 .*, not F64"),
        ({"weight": np.zeros((4, 3), np.int64)}, "weight is I64 .*, not F64"),
        ({"weight": np.zeros((0, 3))}, r"weight is F64 \(0, 3\)"),
        ({"label": np.zeros(5, np.int32)}, r"label is I32 \(5\), not I32 \(rows\) with rows = 4"),
        ({"label": np.zeros((), np.int32)}, r"label is I32 \(\), not"),
        ({"scale": np.zeros(1, np.float32)}, r"scale is F32 \(1\), not F32 \(\)"),
        ({"scale": np.array(np.nan, np.float32)}, "scale is not finite"),
        ({"weight": np.full((4, 3), -np.inf)}, "weight is not finite"),
    ],
)
def test_what_does_not_fit_is_refused(changes, what, file):
    with pytest.raises(UntrustedFileError, match=what):
        read(file(**changes), LAYOUT)


def test_what_is_missing_is_named(file):
    with pytest.raises(UntrustedFileError, match=r"a\.safetensors lacks bias"):
        read(file(), {**LAYOUT, "bias": Slot(F8, ())})


def test_a_file_that_is_too_large_is_not_opened(file, monkeypatch):
    monkeypatch.setattr(untrusted_arrays, "LARGEST", 100)
    with pytest.raises(UntrustedFileError, match=r"a\.safetensors has 0\.0 MB, where 0\.0 are"):
        read(file(), LAYOUT)


def raw(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(shape, start, end, dtype="F64"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"scale": entry([2**40], 0, 2**43)}, b""),
        ({"scale": entry([2**62, 4], 0, 0)}, b""),
        ({"scale": entry([1], 0, 8)}, bytes(4)),
        ({"scale": entry([1], 0, 8)}, bytes(16)),
        ({"scale": entry([1], 8, 16)}, bytes(16)),
        ({"scale": entry([2], 0, 8)}, bytes(8)),
        ({"scale": entry([-1], 0, 8)}, bytes(8)),
        ({"scale": entry([1], 0, 8, "OBJECT")}, bytes(8)),
        ({"scale": {}}, b""),
        (b"[", b""),
        (b"[" * 200, b""),
        (b"\xff", b""),
        (b" " * 300, b""),
    ],
)
def test_a_header_that_lies(header, data, tmp_path):
    with pytest.raises(UntrustedFileError, match=r"a\.safetensors is damaged"):
        read(raw(tmp_path / "a.safetensors", header, data), {"scale": Slot(F8, (1,))})


@pytest.mark.parametrize("size", [0, 7, 8, 60])
def test_a_torn_file(size, file):
    path = file()
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UntrustedFileError, match=r"a\.safetensors is damaged"):
        read(path, LAYOUT)


def test_only_regular_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", LAYOUT)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UntrustedFileError, match="is not a file"):
            read(path, LAYOUT)
