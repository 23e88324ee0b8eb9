"""Archives to unpack, small and honest, for tests that damage them too."""

import io
import tarfile
import zipfile

import numpy as np

FILES = {
    "set/blues/1.mp3": np.random.default_rng(1).bytes(70_000),
    "set/blues/2 (live).mp3": np.random.default_rng(2).bytes(5_000),
    "set/rock/=1+1.mp3": b"",
    "set/rock/Motörhead.mp3": np.random.default_rng(3).bytes(1_000),
    "set/labels.csv": b"0,1,0,0\n" * 10_000,
}
INSIDE = {name.removeprefix("set/"): content for name, content in FILES.items()}
METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def write_zip(path, files=FILES, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path, files=FILES, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o7777
            archive.addfile(info, io.BytesIO(content))
    return path


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".unpacked"
    }
